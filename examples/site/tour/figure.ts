/**
 * What the figures of the tour share: a slider of a bound, rows of facts, and when to draw. They use the codec in plain
 * TypeScript, which gives the same bytes as the other and is a smaller part of the first page.
 */
import { find, make } from "../element.js";

/** Replaces the facts below a figure. */
export function showFacts(
  box: HTMLElement,
  facts: readonly (readonly [term: string, value: string])[],
): void {
  box.replaceChildren(
    ...facts.map(([term, value]) => make("div", "", make("dt", "", term), make("dd", "", value))),
  );
}

/** The value of a slider whose steps are powers: its position is a logarithm to base 10. */
export const power = (slider: HTMLInputElement): number => 10 ** Number(slider.value);

/**
 * Draws a figure when it comes near the window, and again when a control in it moves or the window's width changes. While
 * it is drawn, further moves wait, and only the last of them is drawn. What goes wrong is said in the figure's place.
 */
export function live(selector: string, draw: (figure: HTMLElement) => Promise<void>): void {
  const figure = find(selector);
  let [near, drawing, stale] = [false, false, false];
  const update = async (): Promise<void> => {
    stale = true;
    if (!near || drawing) return;
    drawing = true;
    while (stale) {
      stale = false;
      try {
        await draw(figure);
        figure.dataset.drawn = "yes";
      } catch (cause) {
        find("[data-plot]", figure).replaceChildren(make("p", "notice error", String(cause)));
      }
    }
    drawing = false;
  };
  new IntersectionObserver(
    ([entry], observer) => {
      if (!entry?.isIntersecting) return;
      observer.disconnect();
      near = true;
      void update();
    },
    { rootMargin: "400px" },
  ).observe(figure);
  figure.addEventListener("input", () => void update());
  let width = 0;
  new ResizeObserver(() => {
    if (figure.clientWidth === width) return;
    width = figure.clientWidth;
    void update();
  }).observe(figure);
}
