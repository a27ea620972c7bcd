/** Opens a page in a browser and asserts that each of its figures is drawn. */
import assert from "node:assert/strict";
import { visit } from "../repo/browser.js";

/** Tells what has become of a page once each figure has something in it: they are drawn when the layout is known. */
const readPage = `
const frame = document.createElement("iframe");
frame.style = "width: 1200px; height: 4000px";
frame.onload = () => {
  const page = frame.contentDocument;
  const drawn = [...page.querySelectorAll("[data-figure]")].every((box) => box.childElementCount > 0);
  if (drawn) tell(page.documentElement.outerHTML);
  else setTimeout(frame.onload, 50);
};
frame.src = "/report.html";
document.body.append(frame);`;

/** The names of a page's figures, in order. */
export const figuresOf = (html: string) =>
  [...html.matchAll(/data-figure="([\w-]+)"/g)].map(([, name]) => name);

export async function assertDrawn(html: string): Promise<void> {
  const dom = await visit<string>("chromium", readPage, { pages: { "/report.html": html } });
  const boxes = dom.split('data-figure="').slice(1);
  for (const box of boxes) {
    const [drawn] = box.split("<figcaption");
    assert.match(drawn!, /<svg/, box.slice(0, 300));
    assert.doesNotMatch(drawn!, /could not be drawn/);
  }
  assert.equal(boxes.length, figuresOf(html).length);
}
