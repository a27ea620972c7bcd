/** PNG from SVG by resvg, with DejaVu's letters, so that an image has the same pixels on every machine. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** Twice as many pixels as the drawing has points, for screens and for print. */
const zoom = 2;

let ready: Promise<((svg: string) => Uint8Array) | null> | null = null;

/** Null where the two packages are not installed: comet-ts itself does not need them. */
export function rasterizer(): Promise<((svg: string) => Uint8Array) | null> {
  ready ??= made();
  return ready;
}

async function made(): Promise<((svg: string) => Uint8Array) | null> {
  const { resolve } = createRequire(import.meta.url);
  let [code, fonts]: [Uint8Array, Uint8Array[]] = [new Uint8Array(), []];
  let resvg: typeof import("@resvg/resvg-wasm");
  try {
    resvg = await import("@resvg/resvg-wasm");
    code = readFileSync(resolve("@resvg/resvg-wasm/index_bg.wasm"));
    fonts = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((name) =>
      readFileSync(resolve(`dejavu-fonts-ttf/ttf/${name}`)),
    );
  } catch {
    return null;
  }
  await resvg.initWasm(code);
  return (svg) => {
    const font = { fontBuffers: fonts, defaultFontFamily: "DejaVu Sans", loadSystemFonts: false };
    const image = new resvg.Resvg(svg, { font, fitTo: { mode: "zoom", value: zoom } }).render();
    const png = image.asPng();
    image.free();
    return png;
  };
}
