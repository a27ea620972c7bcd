/** What kernels answer where there is no number of bytes to tell. */
import { FrameError } from "../error.js";

/** The answers of decodeFast and decodeDense below zero, from −1 on. */
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

/** encodeDense's answer for a tensor that is better off in fast mode. */
export const unsuited = -2;
/** The decoders' answer where the bytes that they see end too soon. */
export const truncated = -1;

/** The answer, if it is a number of bytes. */
export function complain(answer: number): number {
  if (answer >= 0) return answer;
  throw new FrameError({
    where: complaints[-1 - answer] ?? "payload",
    expected: "what an encoder writes",
    got: "something else",
    remedy: "encode the tensor again: these bytes are damaged",
  });
}
