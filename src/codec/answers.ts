/** The kernels' return values: a byte count, or a negative code that says what went wrong. */
import { FrameError } from "../error.js";

/** The field at fault for each negative code of decodeFast and decodeDense: entry k belongs to −1 − k. */
const complaints = [
  "payload",
  "kind",
  "escape positions",
  "bitmap",
  "widths",
  "payload end",
  "segment counts",
  "segment states",
  "segment escapes",
];

/** encodeDense returns this for a tensor that fast mode stores in fewer bytes. */
export const unsuited = -2;
/** The decoders return this when the bytes that they can see end too soon. */
export const truncated = -1;

/** Returns `answer` if it is a byte count; otherwise throws a FrameError that names the field. */
export function complain(answer: number): number {
  if (answer >= 0) return answer;
  throw new FrameError({
    where: complaints[-1 - answer] ?? "payload",
    expected: "bytes that an encoder writes",
    got: "other bytes",
    remedy: "encode the tensor again: these bytes are damaged",
  });
}
