/** The colours of the page's custom properties as literal values, for images outside a page. */
import { themes } from "../style.js";

export type Theme = keyof typeof themes;

const valuesOf = (css: string): Map<string, string> =>
  new Map([...css.matchAll(/(--[\w-]+):\s*(#[0-9a-f]+)/g)].map(([, name, value]) => [name!, value!]));

/** The same text with the theme's value in place of each `var(--NAME)`. */
export function themed(svg: string, theme: Theme): string {
  const values = valuesOf(themes[theme]);
  return svg
    .replace(/var\((--[\w-]+)\)/g, (whole, name: string) => values.get(name) ?? whole)
    .replaceAll("currentColor", values.get("--ink")!);
}
