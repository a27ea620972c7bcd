/** Where a file keeps its float32: its bytes as a list of pieces, some of them tensors. */
import { DataError, UsageError } from "../error.js";
import type { Source } from "./archive.js";

export type Piece =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "skip"; length: number }
  | { kind: "tensor"; name: string; shape: number[] };

const product = (shape: readonly number[]) => shape.reduce((all, size) => all * size, 1);

function npyPieces(head: Uint8Array, name: string): Piece[] {
  const text = new TextDecoder("latin1").decode(head);
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*True/.test(text);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (descr !== "<f4" || fortran || shape === undefined) {
    throw new DataError({
      where: name,
      expected: "float32 in C order ('<f4')",
      got: fortran ? "Fortran order" : String(descr),
      remedy: "save it with numpy.ascontiguousarray(x, dtype='float32')",
    });
  }
  const sizes = shape.split(",").filter((part) => part.trim() !== "");
  return [
    { kind: "bytes", bytes: head },
    { kind: "tensor", name: "array", shape: sizes.map(Number) },
  ];
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function safetensorsPieces(head: Uint8Array, json: Uint8Array): Piece[] {
  const entries = Object.entries(JSON.parse(new TextDecoder().decode(json)) as Record<string, Entry>)
    .filter(([name]) => name !== "__metadata__")
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  const pieces: Piece[] = [{ kind: "bytes", bytes: Uint8Array.of(...head, ...json) }];
  let at = 0;
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of entries) {
    if (from > at) pieces.push({ kind: "skip", length: from - at });
    const whole = dtype === "F32" && 4 * product(shape) === to - from;
    pieces.push(whole ? { kind: "tensor", name, shape } : { kind: "skip", length: to - from });
    at = to;
  }
  return pieces;
}

/** Reads the file's head and says what follows. `shape`: of raw float32, which have no head. */
export async function piecesOf(source: Source, shape: number[] | undefined): Promise<Piece[]> {
  if (shape !== undefined) return [{ kind: "tensor", name: "raw", shape }];
  const head = await source.take(8, "head");
  if (head[0] === 0x93 && new TextDecoder("latin1").decode(head.subarray(1, 6)) === "NUMPY") {
    // The head's own length: 16 bits in version 1, 32 bits from version 2 on.
    const size = await source.take(head[6]! > 1 ? 4 : 2, "head");
    const view = new DataView(size.buffer, size.byteOffset);
    const rest = await source.take(
      size.length === 4 ? view.getUint32(0, true) : view.getUint16(0, true),
      "head",
    );
    return npyPieces(Uint8Array.of(...head, ...size, ...rest), source.name);
  }
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  if (length > 0 && length < 1e8) {
    const json = await source.take(length, "head");
    if (json[0] === 0x7b) return safetensorsPieces(head, json);
  }
  throw new UsageError({
    where: source.name,
    expected: "a .npy or .safetensors file",
    got: "something else",
    remedy: "give --shape, e.g. --shape 16,64,28,28, if it is raw float32",
  });
}
