/** Fast mode's payload, some chunks a call. */
import { type Header, lengthOf } from "../frame.js";
import { windowsOf } from "../limits.js";
import type { CodecKernels } from "./codec-kernels.js";
import type { Coroutine } from "./coroutine.js";
import { type FrameSink, type FrameSource, type OnPart, type Place, reading } from "./stream.js";

/** Returns the payload's bytes; −1 if they do not fit. */
export function* encodingFast(
  { scratch }: CodecKernels,
  { shape }: Header,
  place: Place,
  sink: FrameSink,
): Coroutine<number> {
  let sum = 0;
  for (const [first, count] of windowsOf(lengthOf(shape), sink.values)) {
    const x = place(first, count) + 4 * first;
    const bytes = yield ["encodeFast", [scratch, x, count, first, sink.at, sink.room]];
    if (bytes < 0) return bytes;
    sink.take(bytes);
    sum += bytes;
  }
  return sum;
}

/** Returns the payload's end. */
export function* decodingFast(
  { scratch }: CodecKernels,
  { shape, payload }: Header & { payload: number },
  source: FrameSource,
  place: Place,
  onPart: OnPart,
): Coroutine<number> {
  let at = payload;
  for (const [first, count] of windowsOf(lengthOf(shape), source.values)) {
    const x = place(first, count) + 4 * first;
    at += yield* reading(source, at, (from, available) => [
      "decodeFast",
      [scratch, from, available, x, count, first],
    ]);
    onPart(first, count);
  }
  return at;
}
