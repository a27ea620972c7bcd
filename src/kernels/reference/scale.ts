/** Scaling each channel to integers of 8 bits. */
import type { ChannelShape } from "../channel.js";
import { signed, toInteger } from "./round.js";

const { fround } = Math;

/** Calls `visit(start, end, c)` for each plane. */
function planes({ N, C, size }: ChannelShape, visit: (start: number, end: number, c: number) => void): void {
  for (let i = 0; i < N * C; i++) visit(i * size, (i + 1) * size, i % C);
}

export function channelExtremes(
  least: Float32Array,
  greatest: Float32Array,
  x: Float32Array,
  shape: ChannelShape,
): void {
  least.fill(Number.POSITIVE_INFINITY);
  greatest.fill(Number.NEGATIVE_INFINITY);
  planes(shape, (start, end, c) => {
    for (let i = start; i < end; i++) {
      least[c] = Math.min(least[c]!, x[i]!);
      greatest[c] = Math.max(greatest[c]!, x[i]!);
    }
    // Adding 0 makes 0 of −0.
    least[c]! += 0;
    greatest[c]! += 0;
  });
}

export function quantizeChannels(
  q: Uint8Array,
  x: Float32Array,
  scales: Float32Array,
  shape: ChannelShape,
): void {
  planes(shape, (start, end, c) => {
    const factor = fround(32 * scales[c]!);
    for (let i = start; i < end; i++) q[i] = toInteger(fround(factor * x[i]!));
  });
}

export function dequantizeChannels(
  x: Float32Array,
  q: Uint8Array,
  scales: Float32Array,
  shape: ChannelShape,
): void {
  planes(shape, (start, end, c) => {
    for (let i = start; i < end; i++) x[i] = signed(q[i]!) / 32 / scales[c]!;
  });
}
