/**
 * Encoder and decoder of safetensors, the file format for named weights that PyTorch users exchange. They need no files,
 * so a page can use them.
 *
 *   u64 LE n   n bytes of JSON: name → { dtype, shape, data_offsets: [begin, end) }   the tensors' bytes, without gaps
 *
 * Offsets count from the end of the header. `__metadata__` may hold strings. Values are little-endian. All
 * types are read as float32; a value that float32 does not represent exactly is an error.
 */
import { DataError } from "../error.js";
import { elementTypes, isNamedType, widen } from "./elements.js";
import {
  count,
  damaged,
  headerBytes,
  maxHeaderBytes,
  parseHeader,
  prefixBytes,
} from "./safetensors-header.js";
import { shown } from "./shape.js";

export interface NamedTensor {
  shape: readonly number[];
  /** product(shape) values, in C order. */
  data: Float32Array;
  /** The type in the file: whole numbers may be written as integers. Default F32. */
  type?: "F32" | "I64";
}

export interface Safetensors {
  tensors: Map<string, NamedTensor>;
  metadata: Record<string, string>;
}

export function encodeSafetensors(
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const file = new Uint8Array(parts.reduce((bytes, { length }) => bytes + length, 0));
  let end = 0;
  for (const part of parts) {
    file.set(part, end);
    end += part.length;
  }
  return file;
}

/** The parts of the file: the header, then each tensor's bytes. */
export function safetensorsParts(
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string>,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) {
    header.__metadata__ = metadata;
  }
  let end = 0;
  for (const [name, { shape, data, type = "F32" }] of tensors) {
    const begin = end;
    end += data.length * elementTypes[type].bytes;
    if (count(shape) !== data.length || name === "__metadata__" || name in header) {
      throw new DataError({
        where: name,
        expected: "a name of its own, and as many values as the shape has",
        got: `shape [${shape}] and ${data.length} values`,
        remedy: "write each tensor once, under its parameter's name",
      });
    }
    header[name] = { dtype: type, shape, data_offsets: [begin, end] };
    parts.push(rawBytes(data, type));
  }
  // Spaces after the JSON align the first value to 8 bytes.
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const first = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(first.buffer).setBigUint64(0, BigInt(headerBytes), true);
  first.set(json, 8);
  return [first, ...parts];
}

function rawBytes(data: Float32Array, type: "F32" | "I64"): Uint8Array {
  const values = type === "I64" ? BigInt64Array.from(data, BigInt) : data;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** `where` names the file in errors. */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  if (bytes.length < prefixBytes) {
    throw damaged(where, "the 8-byte length of a header", `${bytes.length} bytes`);
  }
  const length = headerBytes(bytes);
  if (length > BigInt(Math.min(maxHeaderBytes, bytes.length - prefixBytes))) {
    throw damaged(where, `a header within the file's ${bytes.length} bytes`, `one of ${length} bytes`);
  }
  const start = prefixBytes + Number(length);
  const { entries, metadata, bodyBytes } = parseHeader(bytes.subarray(prefixBytes, start), where);
  const body = bytes.subarray(start);
  if (bodyBytes !== body.length) throw damaged(where, `${bodyBytes} bytes of data`, `${body.length}`);
  const tensors = new Map<string, NamedTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    if (!isNamedType(dtype)) {
      throw new DataError({
        where: `${where}: ${name}`,
        expected: `one of the types ${Object.keys(elementTypes).join(", ")}`,
        got: shown(dtype),
        remedy: "convert the tensor to F32 before saving it",
      });
    }
    const data = widen(elementTypes[dtype], body.subarray(begin, end), `${where}: ${name}`);
    tensors.set(name, { shape, data });
  }
  return { tensors, metadata };
}
