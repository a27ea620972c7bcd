/** The three maps of a plane, and the value that is pointed at. */
import { find } from "../element.js";
import { short } from "../number.js";
import { errorColour, paint, placeOf, scaleOf, valueColour } from "./maps.js";
import type { Choice, Measurement, Picture } from "./measure.js";

const [mapX, mapY, mapE] = ["#map-x", "#map-y", "#map-e"].map((id) => find<HTMLCanvasElement>(id)) as [
  HTMLCanvasElement,
  HTMLCanvasElement,
  HTMLCanvasElement,
];
const row = find<HTMLInputElement>("#row");
const column = find<HTMLInputElement>("#column");
const sameScale = find<HTMLInputElement>("#same-scale");

export class Pictures {
  #picture: Picture | null = null;
  #choice: Choice | null = null;

  constructor() {
    for (const canvas of [mapX, mapY, mapE]) {
      for (const name of ["pointermove", "pointerdown"] as const) {
        canvas.addEventListener(name, (event) => {
          const place = placeOf(canvas, event);
          if (!place) return;
          row.value = String(place.row);
          column.value = String(place.column);
          this.#showValue();
        });
      }
    }
    for (const input of [row, column]) input.addEventListener("input", () => this.#showValue());
    sameScale.addEventListener("input", () => this.#paint());
  }

  show({ picture }: Measurement, choice: Choice): void {
    const changed = picture.width !== this.#picture?.width || picture.height !== this.#picture.height;
    this.#picture = picture;
    this.#choice = choice;
    if (changed) {
      row.max = String(picture.height - 1);
      column.max = String(picture.width - 1);
      row.value = String(Math.floor(picture.height / 2));
      column.value = String(Math.floor(picture.width / 2));
    }
    find("#predictor").textContent = picture.predictor;
    this.#paint();
    this.#showValue();
  }

  /** The bound on the side of a value. */
  #boundOf(value: number): number {
    const { bound, negativeBound } = this.#choice!;
    return value < 0 ? (negativeBound ?? bound) : bound;
  }

  #paint(): void {
    if (!this.#picture) return;
    const { x, decoded, width, height } = this.#picture;
    const scale = scaleOf(this.#picture);
    const error = (i: number) => decoded[i]! - x[i]!;
    const most = Math.max(this.#choice!.bound, this.#choice!.negativeBound ?? 0);
    paint(mapX, width, height, (i) => valueColour(x[i]!, scale));
    paint(mapY, width, height, (i) => valueColour(decoded[i]!, scale));
    paint(mapE, width, height, (i) =>
      sameScale.checked ? valueColour(error(i), scale) : errorColour(error(i), this.#boundOf(x[i]!)),
    );
    paint(find("#scale"), 128, 1, (i) =>
      valueColour(scale.least + ((scale.most - scale.least) * (i + 0.5)) / 128, scale),
    );
    paint(find("#scale-e"), 128, 1, (i) => errorColour(((i - 63.5) / 64) * most, most));
    find("#scale-least").textContent = short(scale.least);
    find("#scale-most").textContent = short(scale.most);
    for (const end of document.querySelectorAll(".scale-bound")) end.textContent = short(most);
  }

  #showValue(): void {
    if (!this.#picture) return;
    const { x, decoded, integer, prediction, code, bits, raw, width, height } = this.#picture;
    const i = Number(row.value) * width + Number(column.value);
    if (!(Number(row.value) < height && Number(column.value) < width && i >= 0)) return;
    const error = decoded[i]! - x[i]!;
    const texts: Record<string, string> = {
      x: short(x[i]!, 6),
      y: short(decoded[i]!, 6),
      e: Number.isNaN(error) ? "–" : short(error, 4),
      share: Number.isNaN(error) ? "–" : short(error / this.#boundOf(x[i]!), 4),
      q: raw[i] ? "raw bits" : String(integer[i]).replace("-", "−"),
      p: String(prediction[i]).replace("-", "−"),
      c: String(code[i]),
      bits: raw[i] === 2 ? "in a mask" : short(bits[i]!),
    };
    for (const [name, text] of Object.entries(texts)) find(`#value-${name}`).textContent = text;
  }
}
