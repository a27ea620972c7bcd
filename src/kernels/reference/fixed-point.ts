/** Fixed-point numbers: see src/kernels/fixed-point.ts. */
import type { ChannelShape } from "../channel.js";
import { codeBits, type FixedForm } from "../fixed-point.js";
import { BitReader, BitWriter } from "./bit-stream.js";

const { fround } = Math;

/** Half to even, for |x| < 2^22. */
const nearest = (x: number): number => fround(fround(x + 12582912) - 12582912);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The codes of a plane; a NaN becomes 0 as it is stored. */
function quantize(
  codes: Int32Array,
  x: Float32Array,
  scale: number,
  bits: number,
  signed: boolean,
): Int32Array {
  const steps = 2 ** bits;
  const [least, most] = signed ? [-steps, steps - 1] : [0, steps];
  for (let i = 0; i < x.length; i++) {
    const scaled = fround(fround(x[i]! * scale) * steps);
    codes[i] = nearest(Math.max(least, Math.min(scaled, most)));
  }
  return codes;
}

export function fixedCounts(
  counts: Uint8Array,
  x: Float32Array,
  scales: Float32Array,
  bits: Uint8Array,
  { N, C, size }: ChannelShape,
  signed: boolean,
): void {
  const view = viewOf(counts);
  const codes = new Int32Array(size);
  for (let plane = 0; plane < N * C; plane++) {
    const [c, values] = [plane % C, x.subarray(plane * size, (plane + 1) * size)];
    quantize(codes, values, scales[c]!, bits[c]!, signed);
    view.setUint32(
      4 * plane,
      codes.reduce((sum, code) => sum + Number(code !== 0), 0),
      true,
    );
  }
}

export function packFixed(
  packed: Uint8Array,
  x: Float32Array,
  scales: Float32Array,
  bits: Uint8Array,
  starts: Uint8Array,
  { N, C, size }: ChannelShape,
  form: FixedForm,
): void {
  const view = viewOf(starts);
  const codes = new Int32Array(C * size);
  for (let n = 0; n < N; n++) {
    const writer = new BitWriter(packed, view.getUint32(4 * n, true));
    for (let c = 0; c < C; c++) {
      const values = x.subarray((n * C + c) * size, (n * C + c + 1) * size);
      quantize(codes.subarray(c * size, (c + 1) * size), values, scales[c]!, bits[c]!, form.signed);
    }
    if (form.sparse) for (const code of codes) writer.write(Number(code !== 0), 1);
    for (let c = 0; c < C; c++) {
      const [width, shift] = [codeBits(bits[c]!, form), form.signed ? 2 ** bits[c]! : 0];
      for (const code of codes.subarray(c * size, (c + 1) * size)) {
        if (!form.sparse) writer.write(code + shift, width);
        else if (code !== 0) writer.write((code > 0 ? code - 1 : code) + shift, width);
      }
    }
    writer.end();
  }
}

export function unpackFixed(
  x: Float32Array,
  packed: Uint8Array,
  scales: Float32Array,
  bits: Uint8Array,
  starts: Uint8Array,
  { N, C, size }: ChannelShape,
  form: FixedForm,
): void {
  const view = viewOf(starts);
  const marks = new Uint8Array(C * size).fill(1);
  for (let n = 0; n < N; n++) {
    const reader = new BitReader(packed, view.getUint32(4 * n, true));
    if (form.sparse) for (let i = 0; i < marks.length; i++) marks[i] = reader.read(1);
    for (let c = 0; c < C; c++) {
      const [width, shift] = [codeBits(bits[c]!, form), form.signed ? 2 ** bits[c]! : 0];
      const step = fround(1 / 2 ** bits[c]! / scales[c]!);
      for (let i = 0; i < size; i++) {
        const at = (n * C + c) * size + i;
        if (marks[c * size + i] === 0) {
          x[at] = 0;
          continue;
        }
        const code = reader.read(width) - shift;
        x[at] = fround(form.sparse && code >= 0 ? code + 1 : code) * step;
      }
    }
  }
}
