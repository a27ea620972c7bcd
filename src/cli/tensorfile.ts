/** Lists the parts of a file in order: bytes, and float32 tensors. */
import { floatsOf } from "../codec/arguments.js";
import { DataError, UsageError } from "../error.js";
import { prefaceOf } from "../files/npy.js";
import { count, headerBytes, maxHeaderBytes, parseHeader, prefixBytes } from "../files/safetensors-header.js";
import type { Narrowing } from "./narrowing.js";
import { npyPieces } from "./npyfile.js";
import type { Piece, Values } from "./piece.js";
import type { Source } from "./source.js";

const float32: Values = { bytes: 4, floats: (raw) => floatsOf("comet compress", raw) };

function safetensorsPieces(prefix: Uint8Array, json: Uint8Array, where: string): Piece[] {
  const pieces: Piece[] = [{ kind: "bytes", bytes: Buffer.concat([prefix, json]) }];
  for (const { name, dtype, shape, begin, end } of parseHeader(json, where).entries) {
    pieces.push(
      dtype === "F32"
        ? { kind: "tensor", name, shape, values: float32 }
        : { kind: "skip", length: end - begin },
    );
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
  return [{ kind: "tensor", name: "raw", shape, values: float32 }];
}

/**
 * Reads the head of a file and lists its parts. `shape` is the shape of a raw float32 file, which has no head. With
 * `narrowing`, float64 and float16 of a .npy file are converted to float32.
 */
export async function piecesOf(
  source: Source,
  shape: number[] | undefined,
  narrowing: Narrowing | null,
): Promise<Piece[]> {
  if (shape !== undefined) return rawPieces(source, shape);
  const head = await source.take(prefixBytes, "head");
  if (head[0] === 0x93 && new TextDecoder("latin1").decode(head.subarray(1, 6)) === "NUMPY") {
    const start = Buffer.concat([head, await source.take(4, "head")]);
    const { begin, length } = prefaceOf(start, source.name);
    const rest = await source.take(Math.max(0, begin + length - start.length), "head");
    return npyPieces(Buffer.concat([start, rest]), begin, source.name, narrowing);
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
