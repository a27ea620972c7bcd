/**
 * JPEG, decoded by mozjpeg. The library repairs damaged files and prints only its first warning about each. Some warnings are
 * harmless ("extraneous bytes"), others mean that a part of the image is invented, and a harmless one can hide the others.
 * Therefore a file with a warning is read once more, down to the coefficients, and this decides. The library cannot
 * convert files with four planes to RGB; they are decoded in TypeScript.
 */
import factory from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { decodeFourPlanes } from "../jpeg/cmyk.js";
import { readCoefficients } from "../jpeg/coefficients.js";
import { checkScans, findFrame } from "../jpeg/segments.js";
import type { Format } from "./format.js";
import { wasmDecoder } from "./wasm.js";

/** The library can apply the EXIF orientation. Pillow's `convert` and torchvision do not, so it is switched off. */
const preserveOrientation = false;
const decode = wasmDecoder(factory, "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", [preserveOrientation]);

export const jpeg: Format = {
  name: "JPEG",
  begins: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8,
  size: findFrame,
  async decode(bytes) {
    checkScans(bytes);
    if (findFrame(bytes).planes.length === 4) return decodeFourPlanes(bytes);
    const { picture, complaints } = await decode(bytes);
    if (complaints.length > 0) readCoefficients(bytes);
    return picture;
  },
};
