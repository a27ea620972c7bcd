/**
 * The weight gradient of a convolution.
 *
 *   tile:  4 window elements (c, r, s)  ×  8 output channels
 *   chain: over the outputs (n, p, q): x is read where output's window + tap says, dy from a packed panel
 */
import { Conv2dShape, forwardSource } from "./conv2d";
import { packSteps } from "./pack";
import {
  multiplyPlanes,
  multiplyRows,
  readPlanes,
  startTile,
  tileBytes,
  tileLanes,
  tileRows,
  writePlanes,
} from "./tile";
import { copyBytes, layOut, place, Source, writeTaps, writeWindows } from "./window";

/** `room`: bytes for a Source, scratch. */
export function conv2dWeightGradientWorkspace(shape: usize, room: usize): i32 {
  const source = changetype<Source>(room);
  forwardSource(source, 0, changetype<Conv2dShape>(shape));
  layOut(source, true);
  const outputs = source.images * source.blockRows * source.columns;
  return (
    256 +
    2 * tileBytes +
    16 +
    source.channels * source.R * source.S * 4 +
    outputs * (4 + 32) +
    copyBytes(source)
  );
}

/** Units: groups · panels of 8 output channels · tiles of 4 window elements. */
export function conv2dWeightGradient(
  dw: usize,
  dy: usize,
  x: usize,
  shape: usize,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const source = changetype<Source>(workspace);
  forwardSource(source, x, s);
  layOut(source, true);
  const block = source.images * source.blockRows * source.columns;
  const depth = source.channels * source.R * source.S;
  const tiles = (depth + tileRows - 1) / tileRows;
  const outputChannels = s.K / s.groups;
  const panels = (outputChannels + tileLanes - 1) / tileLanes;
  const plane = s.P * s.Q;
  const pitch = (<usize>depth) << 2;

  // source | acc | its start | panel of dy | places of a tile's rows | taps | windows | copy
  const acc = workspace + 256;
  const start = acc + tileBytes;
  const panelDy = start + tileBytes;
  const places = panelDy + ((<usize>block) << 5);
  const taps = places + 16;
  const windows = taps + pitch;
  const copy = windows + ((<usize>block) << 2);
  v128.store(places, i32x4(0, 4, 8, 12));
  startTile(start, 0, tileLanes);
  writeTaps(taps, source, false);
  writeWindows(windows, source);

  for (let n = 0; n < s.N; n += source.images) {
    const images = min(source.images, s.N - n);
    for (let row = 0; row < s.P; row += source.blockRows) {
      const rows = min(source.blockRows, s.P - row);
      const outputs = rows * s.Q;
      const fresh = n === 0 && row === 0;
      let base: usize = 0;
      let placed = -1;
      for (let unit = begin; unit < end; ) {
        const panel = unit / tiles;
        const stop = min(end, (panel + 1) * tiles);
        const group = panel / panels;
        const firstK = (panel % panels) * tileLanes;
        const lanes = min(tileLanes, outputChannels - firstK);
        const k = group * outputChannels + firstK;
        if (group !== placed) {
          base = place(copy, source, n, images, row, rows, group * source.channels);
          placed = group;
        }
        for (let image = 0; image < images; image++) {
          const from = ((n + image) * s.K + k) * plane + row * s.Q;
          const to = panelDy + ((<usize>(image * outputs)) << 5);
          packSteps(to, dy + ((<usize>from) << 2), (<usize>plane) << 2, outputs, lanes);
        }
        for (; unit < stop; unit++) {
          const l = (unit % tiles) * tileRows;
          const tall = min(tileRows, depth - l);
          const tap = taps + ((<usize>l) << 2);
          const to = dw + pitch * k + ((<usize>l) << 2);
          const a0 = base + <usize>load<u32>(tap);
          const a1 = base + <usize>load<u32>(tap + (tall > 1 ? 4 : 0));
          const a2 = base + <usize>load<u32>(tap + (tall > 2 ? 8 : 0));
          const a3 = base + <usize>load<u32>(tap + (tall > 3 ? 12 : 0));
          if (tall === tileRows && lanes === tileLanes) {
            multiplyPlanes(a0, a1, a2, a3, windows, panelDy, images * outputs, to, pitch, fresh ? start : 0);
            continue;
          }
          if (fresh) memory.copy(acc, start, tileBytes);
          else readPlanes(acc, to, pitch, places, tall, lanes);
          multiplyRows(a0, a1, a2, a3, windows, panelDy, 32, images * outputs, acc, 32, false);
          writePlanes(acc, to, pitch, places, tall, lanes, true);
        }
      }
    }
  }
}
