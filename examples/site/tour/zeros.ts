/** What three ways of rounding do to the zeros of a ReLU's output. */
import type { EncodeOptions } from "../../../src/codec/options.js";
import { decode, encode } from "../../../src/codec/reference.js";
import { find, make } from "../element.js";
import { percent, short } from "../number.js";
import { live, power } from "./figure.js";
import { sample } from "./samples.js";

const ways: readonly { name: string; quantizer: NonNullable<EncodeOptions["quantizer"]> }[] = [
  { name: "plain rounding", quantizer: "paper" },
  { name: "zeros apart", quantizer: "support" },
  { name: "zeros apart, dithered", quantizer: "dithered" },
];

export function zerosFigure(): void {
  live("#figure-zeros", async (figure) => {
    const bound = power(find<HTMLInputElement>("input", figure));
    find("output", figure).textContent = short(bound);
    const { shape, data } = await sample("x/layer1.0.relu");
    const zeros = data.reduce((count, x) => count + (x === 0 ? 1 : 0), 0);
    const rows = ways.map(({ name, quantizer }) => {
      const frame = encode(data, { bound, shape, quantizer, mode: "auto" });
      const decoded = decode(frame);
      const lost = data.reduce((count, x, i) => count + (x !== 0 && decoded[i] === 0 ? 1 : 0), 0);
      const found = data.reduce((count, x, i) => count + (x === 0 && decoded[i] !== 0 ? 1 : 0), 0);
      const ratio = (4 * data.length) / frame.length;
      return [
        name,
        `${lost.toLocaleString("en")} (${percent(lost / (data.length - zeros))})`,
        found.toLocaleString("en"),
        `${short(ratio)} times`,
      ];
    });
    const head = ["", "values that became 0", "zeros that became something", "smaller than float32"];
    const table = make(
      "table",
      "",
      make(
        "caption",
        "",
        `${percent(zeros / data.length)} of the ${data.length.toLocaleString("en")} values are 0`,
      ),
      make("thead", "", make("tr", "", ...head.map((cell) => (cell ? scoped("col", cell) : make("td"))))),
      make(
        "tbody",
        "",
        ...rows.map(([name, ...cells]) =>
          make("tr", "", scoped("row", name!), ...cells.map((cell) => make("td", "number", cell))),
        ),
      ),
    );
    find("[data-plot]", figure).replaceChildren(table);
  });
}

function scoped(scope: "col" | "row", text: string): HTMLTableCellElement {
  const cell = make("th", "", text);
  cell.scope = scope;
  return cell;
}
