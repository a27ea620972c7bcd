/** The live figures of the tour and the book: those of them that stand on the page. */
import { addingFigure } from "./adding.js";
import { boundFigure } from "./bound.js";
import { keptFigure } from "./kept.js";
import { noticeFigure } from "./notice.js";
import { shapeFigure } from "./shape.js";
import { toleratedFigure } from "./tolerated.js";
import { zerosFigure } from "./zeros.js";

const figures: Readonly<Record<string, () => void>> = {
  kept: keptFigure,
  bound: boundFigure,
  zeros: zerosFigure,
  shape: shapeFigure,
  adding: addingFigure,
  tolerated: toleratedFigure,
  notice: noticeFigure,
};

for (const [name, start] of Object.entries(figures)) {
  if (document.querySelector(`#figure-${name}`)) start();
}
