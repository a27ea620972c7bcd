/** Where a file keeps its float32: its bytes as a list of pieces, some of them tensors. */
import { DataError, UsageError } from "../error.js";
import { parseNpyHeader } from "../files/npy.js";
import { count, headerBytes, maxHeaderBytes, parseHeader, prefixBytes } from "../files/safetensors-header.js";
import type { Source } from "./source.js";

export type Piece =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "skip"; length: number }
  | { kind: "tensor"; name: string; shape: number[] };

function npyPieces(head: Uint8Array, start: number, where: string): Piece[] {
  const { descr, shape } = parseNpyHeader(new TextDecoder("latin1").decode(head.subarray(start)), where);
  if (descr !== "<f4") {
    throw new DataError({
      where,
      expected: "float32 ('<f4')",
      got: descr,
      remedy: "save it with numpy.ascontiguousarray(x, dtype='float32')",
    });
  }
  return [
    { kind: "bytes", bytes: head },
    { kind: "tensor", name: "array", shape },
  ];
}

function safetensorsPieces(prefix: Uint8Array, json: Uint8Array, where: string): Piece[] {
  const pieces: Piece[] = [{ kind: "bytes", bytes: Buffer.concat([prefix, json]) }];
  for (const { name, dtype, shape, begin, end } of parseHeader(json, where).entries) {
    pieces.push(dtype === "F32" ? { kind: "tensor", name, shape } : { kind: "skip", length: end - begin });
  }
  return pieces;
}

/** The one tensor of a file without a header. Throws a DataError if the file is known to have another length. */
async function rawPieces(source: Source, shape: number[]): Promise<Piece[]> {
  const [expected, bytes] = [4 * count(shape), await source.bytes()];
  if (bytes !== null && bytes !== expected) {
    throw new DataError({
      where: source.name,
      expected: `${expected} bytes, as --shape ${shape.join(",")} says`,
      got: `${bytes} bytes`,
      remedy: "give the shape of the whole file",
    });
  }
  return [{ kind: "tensor", name: "raw", shape }];
}

/** Reads the file's head and says what follows. `shape`: of raw float32, which have no head. */
export async function piecesOf(source: Source, shape: number[] | undefined): Promise<Piece[]> {
  if (shape !== undefined) return rawPieces(source, shape);
  const head = await source.take(prefixBytes, "head");
  if (head[0] === 0x93 && new TextDecoder("latin1").decode(head.subarray(1, 6)) === "NUMPY") {
    // The head's own length: 16 bits in version 1, 32 bits from version 2 on.
    const size = await source.take(head[6]! > 1 ? 4 : 2, "head");
    const view = new DataView(size.buffer, size.byteOffset);
    const rest = await source.take(
      size.length === 4 ? view.getUint32(0, true) : view.getUint16(0, true),
      "head",
    );
    return npyPieces(Buffer.concat([head, size, rest]), head.length + size.length, source.name);
  }
  const length = headerBytes(head);
  if (length > 0 && length <= maxHeaderBytes) {
    const json = await source.take(Number(length), "head");
    if (json[0] === 0x7b) return safetensorsPieces(head, json, source.name);
  }
  throw new UsageError({
    where: source.name,
    expected: "a .npy or .safetensors file",
    got: "something else",
    remedy: "give --shape, e.g. --shape 16,64,28,28, if it is raw float32",
  });
}
