/** WebP, lossy and lossless, decoded by libwebp. Transparency is dropped. Animations are refused. */
import factory from "@jsquash/webp/codec/dec/webp_dec.js";
import { type Format, has, type Size } from "./format.js";
import { wasmDecoder } from "./wasm.js";

const decode = wasmDecoder(factory, "@jsquash/webp/codec/dec/webp_dec.wasm");

/**
 *   R I F F  u32 length  W E B P  | V P 8 ␣  u32 length  frame tag (3 bytes) 9d 01 2a  u16 width  u16 height …    14 bits each
 *                                 | V P 8 L  u32 length  2f  14 bits width − 1, 14 bits height − 1 …
 *                                 | V P 8 X  u32 length  flags, 3 bytes 0  u24 width − 1  u24 height − 1 | chunks …
 */
function size(bytes: Uint8Array): Size {
  const byte = (at: number) => bytes[at] ?? 0;
  const u16 = (at: number) => byte(at) | (byte(at + 1) << 8);
  if (has(bytes, 12, "VP8 ")) return { width: u16(26) & 0x3fff, height: u16(28) & 0x3fff };
  if (has(bytes, 12, "VP8L")) {
    const packed = u16(21) | (u16(23) << 16);
    return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
  }
  if (!has(bytes, 12, "VP8X")) throw new Error("a WebP of an unknown kind");
  if (byte(20) & 2) throw new Error("an animated WebP");
  const u24 = (at: number) => u16(at) | (byte(at + 2) << 16);
  return { width: u24(24) + 1, height: u24(27) + 1 };
}

export const webp: Format = {
  name: "WebP",
  begins: (bytes) => has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP"),
  size,
  decode: async (bytes) => (await decode(bytes)).picture,
};
