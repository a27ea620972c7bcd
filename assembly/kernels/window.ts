/**
 * The source of a convolution, arranged so that every window lies inside it.
 *
 *   source plane                 padded block of rows             the table of taps, in bytes
 *   ┌──────────┐                 0 0 0 0 0 0 0 0
 *   │ x x x x  │  rows needed →  0 x x x x 0 …      tap (c,r,s) → c·planePitch + r·rowPitch + s·4
 *   └──────────┘                 0 x x x x 0        a window's first element + tap = any of its elements
 *
 * If no window leaves the plane, the tensor itself is used and nothing is copied.
 */

/** `channels` planes of H × W in images of `imageChannels` planes; windows of R × S start at row `top`, column `left`. */
@unmanaged
export class Source {
  address: usize;
  imageChannels: i32;
  channels: i32;
  H: i32;
  W: i32;
  R: i32;
  S: i32;
  /** The position of the first output's window; negative inside the padding. */
  top: i32;
  left: i32;
  /** Source rows and columns from one output to the next. */
  step: i32;
  /** The outputs: a grid of `rows` × `columns` per image. */
  rows: i32;
  columns: i32;
  /** One block covers `images` whole images, or `blockRows` rows of one image. */
  images: i32;
  blockRows: i32;
  // Derived by `layOut`.
  direct: bool;
  blockHeight: i32;
  width: i32;
  rowPitch: usize;
  planePitch: usize;
  imagePitch: usize;
}

/** About this many bytes of source are copied at a time, so that they stay in the L2 cache. */
const copyBudget: i32 = 384 * 1024;
/** About this many outputs are computed at a time, so that the overhead around a chain is small. */
const blockOutputs: i32 = 512;

/**
 * Sets the pitches and the size of a block. A block spans at most `mostImages` images. `overreads` says that
 * up to 3 floats beyond a window may be read; only a copy has room for that.
 */
export function layOut(s: Source, mostImages: i32, overreads: bool): void {
  const bottom = s.top + (s.rows - 1) * s.step + s.R;
  const right = s.left + (s.columns - 1) * s.step + s.S;
  s.direct = s.top >= 0 && s.left >= 0 && bottom <= s.H && right <= s.W && !overreads;
  s.width = (s.columns - 1) * s.step + s.S;
  const rowBytes = s.channels * s.width * 4;
  let rows = max(1, blockOutputs / s.columns);
  if (!s.direct) rows = min(rows, max(1, (copyBudget / rowBytes - s.R) / s.step + 1));
  s.blockRows = min(rows, s.rows);
  s.images = 1;
  s.blockHeight = (s.blockRows - 1) * s.step + s.R;
  if (mostImages > 1 && s.blockRows === s.rows) {
    s.images = max(1, min(mostImages, blockOutputs / (s.rows * s.columns)));
    if (!s.direct) s.images = max(1, min(s.images, copyBudget / (rowBytes * s.blockHeight)));
  }
  s.rowPitch = (<usize>(s.direct ? s.W : s.width)) << 2;
  s.planePitch = s.rowPitch * (s.direct ? s.H : s.blockHeight);
  s.imagePitch = s.planePitch * (s.direct ? s.imageChannels : s.channels);
}

/** Bytes of the copy of a block, with some room to read beyond it. */
export function copyBytes(s: Source): i32 {
  return s.direct ? 0 : s.images * <i32>s.imagePitch + 16;
}

/** Writes taps[(c·R + r)·S + s]; with `reversed`, r and s count from the window's end. */
export function writeTaps(taps: usize, s: Source, reversed: bool): void {
  for (let c = 0; c < s.channels; c++) {
    for (let r = 0; r < s.R; r++) {
      for (let t = 0; t < s.S; t++, taps += 4) {
        const row = reversed ? s.R - 1 - r : r;
        const column = reversed ? s.S - 1 - t : t;
        store<u32>(taps, <u32>(s.planePitch * c + s.rowPitch * row + ((<usize>column) << 2)));
      }
    }
  }
}

/** Writes windows[i], the start of the window of the block's output i, image by image, row by row. */
export function writeWindows(windows: usize, s: Source): void {
  for (let n = 0; n < s.images; n++) {
    for (let i = 0; i < s.blockRows; i++) {
      for (let j = 0; j < s.columns; j++, windows += 4) {
        const row = s.rowPitch * (i * s.step);
        store<u32>(windows, <u32>(s.imagePitch * n + row + ((<usize>(j * s.step)) << 2)));
      }
    }
  }
}

/**
 * The address to which taps and windows are relative, for rows from `row` on in `images` images from `n` on,
 * and channels from `channel` on. Copies the source if necessary.
 */
export function place(copy: usize, s: Source, n: i32, images: i32, row: i32, rows: i32, channel: i32): usize {
  const from = s.top + row * s.step;
  if (s.direct) {
    const plane = (n * s.imageChannels + channel) * s.H + from;
    return s.address + ((<usize>(plane * s.W + s.left)) << 2);
  }
  const height = (rows - 1) * s.step + s.R;
  for (let image = 0; image < images; image++) {
    for (let c = 0; c < s.channels; c++) {
      const plane = s.address + ((<usize>(((n + image) * s.imageChannels + channel + c) * s.H * s.W)) << 2);
      let to = copy + s.imagePitch * image + s.planePitch * c;
      for (let h = from; h < from + height; h++, to += s.rowPitch) {
        if (h < 0 || h >= s.H) clear(to, s.width);
        else copyRow(to, plane + ((<usize>(h * s.W)) << 2), s);
      }
    }
  }
  return copy;
}

function clear(to: usize, count: i32): void {
  for (let i = 0; i < count; i++, to += 4) store<u32>(to, 0);
}

/** Copies one row of `width` elements from column `left` on, with 0 outside the plane. */
function copyRow(to: usize, row: usize, s: Source): void {
  const first = min(max(0, -s.left), s.width);
  const last = max(first, min(s.width, s.W - s.left));
  clear(to, first);
  let at = to + ((<usize>first) << 2);
  let from = row + ((<usize>(first + s.left)) << 2);
  const end = to + ((<usize>last) << 2);
  for (; at + 16 <= end; at += 16, from += 16) v128.store(at, v128.load(from));
  for (; at < end; at += 4, from += 4) store<u32>(at, load<u32>(from));
  clear(end, s.width - last);
}
