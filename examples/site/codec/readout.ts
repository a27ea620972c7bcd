/** The numbers of the codec bench. */
import { find, make } from "../element.js";
import { bytes, milliseconds, percent, short, whole } from "../number.js";
import type { Choice, Measurement } from "./measure.js";

export function showNumbers(measured: Measurement): void {
  const { worst, broken, ratio, bitsPerValue, frameBytes, values, escapes, zeros, zerosLost, zerosMade } =
    measured;
  const nonZero = values - zeros;
  const texts: Record<string, string> = {
    worst: worst.toFixed(3),
    broken: whole(broken),
    ratio: `${short(ratio, 4)} ×`,
    bits: short(bitsPerValue, 4),
    frame: `${bytes(frameBytes)} of ${bytes(4 * values)}`,
    escapes: whole(escapes),
    zeros: `${whole(zeros - zerosLost)} of ${whole(zeros)} (${percent(zeros / values)} of all)`,
    made: `${whole(zerosMade)} of ${whole(nonZero)}`,
    signs: whole(measured.signsChanged),
    uniformity: measured.uniformity.toFixed(3),
    time: `${milliseconds(measured.encodeMs)}, ${milliseconds(measured.decodeMs)}`,
    used: measured.mode,
  };
  for (const [name, text] of Object.entries(texts)) find(`#${name}`).textContent = text;
  find("#broken").className = broken > 0 ? "bad" : "good";
  find("#worst").className = worst >= 1 ? "bad" : "good";
}

/** Whether a planted value came back as promised, in words. */
function verdict(before: number, sameBits: boolean, share: number): { text: string; kept: boolean } {
  if (sameBits) return { text: "kept: the same bits", kept: true };
  const kept = Number.isFinite(before) && share < 1;
  return { text: kept ? "kept: within the bound" : "broken", kept };
}

export function showPlanted(
  { planted }: Measurement,
  { bound, negativeBound }: Choice,
  explanation: { title: string; text: readonly string[] } | null,
): void {
  find("#fault").hidden = explanation === null;
  if (!explanation) return;
  find("#fault-title").textContent = explanation.title;
  find("#fault-text").replaceChildren(...explanation.text.map((text) => make("p", "", text)));
  find("#planted").replaceChildren(
    ...planted.map(({ before, beforeBits, after, afterBits }) => {
      const share = Math.abs(after - before) / (before < 0 ? (negativeBound ?? bound) : bound);
      const { text, kept } = verdict(before, beforeBits === afterBits, share);
      const cells = [short(before, 5), beforeBits, short(after, 5), afterBits];
      return make(
        "tr",
        "",
        ...cells.map((cell, i) => make("td", i % 2 === 1 ? "bits" : "", cell)),
        make("td", "number", Number.isNaN(share) ? "–" : share.toFixed(3)),
        make("td", kept ? "good" : "bad", text),
      );
    }),
  );
}
