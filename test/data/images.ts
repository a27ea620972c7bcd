/** Image files for tests: smooth pictures, and a folder of them. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import encodeJpegFile, { init } from "@jsquash/jpeg/encode.js";
import { encode as encodePng } from "fast-png";
import type { Picture } from "../../src/data/picture.js";

const wasm = createRequire(import.meta.url).resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
await init({ wasmBinary: readFileSync(wasm) } as Parameters<typeof init>[0]);

export async function encodeJpeg({ width, height, data }: Picture, grey = false): Promise<Uint8Array> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let p = 0; p < width * height; p++) {
    rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
  }
  const image = { data: rgba, width, height, colorSpace: "srgb" } as const;
  return new Uint8Array(await encodeJpegFile(image, { quality: 100, color_space: grey ? 1 : 3 }));
}

/** A smooth picture; `hue` moves its colours. */
export function scene(width: number, height: number, hue: number): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [p, c] = [Math.floor(i / 3), i % 3];
    return (((p % width) * 90) / width + (Math.floor(p / width) * 60) / height + 30 * c + hue) & 255;
  });
  return { width, height, data };
}

export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "comet-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Two classes, three training and one validation image each, of differing shapes. */
export async function makeImageFolder(t: TestContext): Promise<string> {
  const root = await folderFor(t);
  for (const [k, name] of ["cat", "dog"].entries()) {
    await mkdir(join(root, "train", name), { recursive: true });
    await mkdir(join(root, "val", name), { recursive: true });
    await writeFile(join(root, "train", name, "a.jpg"), await encodeJpeg(scene(40, 30, 60 * k)));
    await writeFile(join(root, "train", name, "b.JPEG"), await encodeJpeg(scene(33, 47, 60 * k + 20), true));
    await writeFile(
      join(root, "train", name, "c.png"),
      encodePng({ ...scene(35, 35, 60 * k + 40), channels: 3 }),
    );
    await writeFile(join(root, "train", name, "notes.txt"), "no image");
    await writeFile(join(root, "val", name, "d.jpg"), await encodeJpeg(scene(50, 40, 60 * k)));
  }
  return root;
}

const golden = new URL("../../../test/golden/pictures/", import.meta.url);
/** Odd files, and what Pillow makes of them: test/golden/pictures/make.py. */
export const fileOf = (name: string) => readFileSync(new URL(name, golden));
export const names = readdirSync(golden).filter((name) => !/\.(rgb|py)$/.test(name));

export function goldenOf(name: string): { width: number; height: number; data: Uint8Array } {
  const bytes = fileOf(`${name}.rgb`);
  return {
    width: bytes.readUInt32LE(0),
    height: bytes.readUInt32LE(4),
    data: Uint8Array.from(bytes.subarray(8)),
  };
}

/** Where a JPEG has a marker. */
export const marker = (bytes: Uint8Array, code: number) =>
  Buffer.from(bytes).indexOf(Buffer.from([0xff, code]));
