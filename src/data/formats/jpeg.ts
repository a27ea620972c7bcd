/**
 * JPEG, by mozjpeg. It repairs what it can, prints its first warning about a file and keeps the others to itself: some mean
 * nothing ("extraneous bytes"), others that a part of the image is made up. So a file that it warns of is read once
 * more, down to the coefficients, and that decides. Files of four planes, which mozjpeg decodes to no RGB, are
 * decoded in TypeScript.
 */
import factory from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { decodeFourPlanes } from "../jpeg/cmyk.js";
import { readCoefficients } from "../jpeg/coefficients.js";
import { findFrame } from "../jpeg/segments.js";
import type { Format } from "./format.js";
import { wasmDecoder } from "./wasm.js";

/** Pixels stay where they are, whatever an EXIF orientation says: as in Pillow's `convert`, and so in torchvision. */
const preserveOrientation = false;
const decode = wasmDecoder(factory, "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", [preserveOrientation]);

export const jpeg: Format = {
  name: "JPEG",
  begins: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8,
  size: findFrame,
  async decode(bytes) {
    if (findFrame(bytes).planes.length === 4) return decodeFourPlanes(bytes);
    const { picture, complaints } = await decode(bytes);
    if (complaints.length > 0) readCoefficients(bytes);
    return picture;
  },
};
