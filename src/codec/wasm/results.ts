/** What the codec's kernels return when they have no number of bytes to return. */
import { FrameError } from "../../error.js";

/** The fields that are damaged, by the results of decodeFast and decodeDense from −1 downwards. */
const damagedFields = [
  "payload",
  "kind",
  "escape positions",
  "bitmap",
  "widths",
  "payload end",
  "segment counts",
  "segment states",
  "segment escapes",
  "mask",
];

/** encodeDense returns this for a tensor that fast mode serves better. */
export const unsuited = -2;
/** The decoders return this if the bytes that they were given end too soon. */
export const truncated = -1;
/** The values end before the payload does. */
export const payloadEnd = -6;

/** Returns a number of bytes as it is. Throws a FrameError that names the damaged field for any other result. */
export function checkedBytes(result: number): number {
  if (result >= 0) return result;
  throw new FrameError({
    where: damagedFields[-1 - result] ?? "payload",
    expected: "bytes that an encoder writes",
    got: "other bytes",
    remedy: "encode the tensor again: these bytes are damaged",
  });
}
