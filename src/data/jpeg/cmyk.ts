/**
 * Decodes JPEG files with four planes, either CMYK (the inks cyan, magenta, yellow and black) or YCCK (luminance, two colour
 * differences and black). The RGB values are those of Pillow's `convert("RGB")`: inks are taken as inverted, as Adobe
 * writes them, and colour profiles are ignored.
 */
import { type Coefficients, readCoefficients } from "./coefficients.js";
import { clamp, enlarge, samplesOf } from "./planes.js";
import { largestSampling } from "./segments.js";

/** Returns width × height × 3 bytes of RGB. Throws an Error that says what is damaged. */
export function decodeFourPlanes(bytes: Uint8Array): { width: number; height: number; data: Uint8Array } {
  const image = readCoefficients(bytes);
  const { width, height } = image;
  const [first, second, third, black] = planesOf(image) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const data = new Uint8Array(3 * width * height);
  const ycck = image.transform === 2;
  for (let p = 0; p < width * height; p++) {
    const inks = [first[p]!, second[p]!, third[p]!];
    const [cyan, magenta, yellow] = ycck ? inksOf(...(inks as [number, number, number])) : inks;
    const light = black[p]!;
    data[3 * p] = printed(cyan!, light);
    data[3 * p + 1] = printed(magenta!, light);
    data[3 * p + 2] = printed(yellow!, light);
  }
  return { width, height, data };
}

function planesOf({ width, height, planes }: Coefficients): Uint8Array[] {
  const { across, down } = largestSampling(planes);
  return planes.map((plane) => {
    if (across % plane.across !== 0 || down % plane.down !== 0)
      throw new Error("samplings that do not divide");
    return enlarge(samplesOf(plane), across / plane.across, down / plane.down, width, height).data;
  });
}

/** The brightness of one channel, from its inverted ink and the inverted black. Rounded as Pillow rounds a product ÷ 255. */
function printed(inverted: number, light: number): number {
  const product = (255 - inverted) * light + 128;
  return light - (((product >> 8) + product) >> 8);
}

const fixed = (factor: number): number => Math.floor(factor * 65536 + 0.5);
const half = 1 << 15;

/** Converts luminance and colour differences to inks, the complements of red, green and blue. */
function inksOf(y: number, cb: number, cr: number): [number, number, number] {
  const [blue, red] = [cb - 128, cr - 128];
  return [
    clamp(255 - (y + ((fixed(1.402) * red + half) >> 16))),
    clamp(255 - (y + ((-fixed(0.34414) * blue - fixed(0.71414) * red + half) >> 16))),
    clamp(255 - (y + ((fixed(1.772) * blue + half) >> 16))),
  ];
}
