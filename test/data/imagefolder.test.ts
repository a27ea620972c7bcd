import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import encodeJpegFile, { init } from "@jsquash/jpeg/encode.js";
import fc from "fast-check";
import { encode as encodePng } from "fast-png";
import { cropPicture, drawCrop, randomBox } from "../../src/data/crop.js";
import { openImageFolder } from "../../src/data/imagefolder.js";
import { caffeNormalization } from "../../src/data/normalize.js";
import { openDataset } from "../../src/data/open.js";
import { decodePicture, type Picture } from "../../src/data/picture.js";
import { resize } from "../../src/data/resize.js";
import { DataError, UsageError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { cuttingChangesNothing, onlyTrainingIsRandom } from "../laws/split.js";

before(async () => {
  const wasm = createRequire(import.meta.url).resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  await init({ wasmBinary: readFileSync(wasm) } as Parameters<typeof init>[0]);
});

async function encodeJpeg({ width, height, data }: Picture, grey = false): Promise<Uint8Array> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let p = 0; p < width * height; p++) {
    rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
  }
  const image = { data: rgba, width, height, colorSpace: "srgb" } as const;
  return new Uint8Array(await encodeJpegFile(image, { quality: 100, color_space: grey ? 1 : 3 }));
}

/** A smooth picture; `hue` moves its colours. */
function scene(width: number, height: number, hue: number): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [p, c] = [Math.floor(i / 3), i % 3];
    return (((p % width) * 90) / width + (Math.floor(p / width) * 60) / height + 30 * c + hue) & 255;
  });
  return { width, height, data };
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "comet-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Two classes, three training and one validation image each, of differing shapes. */
async function makeImageFolder(t: TestContext): Promise<string> {
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

const rejects = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error) => error instanceof DataError && message.test(error.message));

test("JPEG: colours come back within the loss of quality 100, grey as three equal channels", async () => {
  const picture = scene(31, 17, 0);
  const got = await decodePicture(await encodeJpeg(picture), "p.jpg");
  assert.deepEqual([got.width, got.height, got.data.length], [31, 17, 31 * 17 * 3]);
  assert.ok(got.data.every((v, i) => Math.abs(v - picture.data[i]!) <= 6));
  const grey = await decodePicture(await encodeJpeg(picture, true), "g.jpg");
  assert.ok(grey.data.every((v, i) => v === grey.data[3 * Math.floor(i / 3)]));
});

test("PNG: every depth and kind becomes RGB", async () => {
  const rgb = scene(5, 3, 9);
  const decode = async (png: Parameters<typeof encodePng>[0]) => [
    ...(await decodePicture(encodePng(png), "p.png")).data,
  ];
  const size = { width: 5, height: 3 };
  assert.deepEqual(await decode({ ...rgb, channels: 3 }), [...rgb.data]);
  const rgba = Uint8Array.from({ length: 60 }, (_, i) =>
    i % 4 === 3 ? 7 : rgb.data[(i >> 2) * 3 + (i % 4)]!,
  );
  assert.deepEqual(await decode({ ...size, data: rgba, channels: 4 }), [...rgb.data]);
  const wide = Uint16Array.from(rgb.data, (v) => v * 256 + 200);
  assert.deepEqual(await decode({ ...size, data: wide, channels: 3, depth: 16 }), [...rgb.data]);
  const grey = Uint8Array.from({ length: 15 }, (_, i) => 10 * i);
  assert.deepEqual(
    await decode({ ...size, data: grey, channels: 1 }),
    [...grey].flatMap((v) => [v, v, v]),
  );
  const bits = Uint8Array.of(0b10110000, 0b01001000, 0b11111000);
  const white = [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1];
  assert.deepEqual(
    await decode({ ...size, data: bits, channels: 1, depth: 1 }),
    white.flatMap((bit) => [255 * bit, 255 * bit, 255 * bit]),
  );
  const palette = [
    [1, 2, 3],
    [250, 100, 0],
  ];
  assert.deepEqual(
    await decode({ ...size, data: bits, channels: 1, depth: 1, palette }),
    white.flatMap((bit) => palette[bit]!),
  );
});

test("an image that is cut, damaged, empty or none is named", async () => {
  const jpeg = await encodeJpeg(scene(64, 64, 3));
  const png = encodePng({ ...scene(20, 20, 3), channels: 3 });
  const flipped = png.slice();
  flipped[png.length - 20]! ^= 1;
  for (const bytes of [
    jpeg.subarray(0, jpeg.length / 2),
    jpeg.subarray(0, 100),
    jpeg.subarray(0, 2),
    png.subarray(0, png.length / 2),
    flipped,
    new Uint8Array(0),
    Buffer.from("GIF89a"),
  ]) {
    await rejects(decodePicture(bytes, "folder/x.jpg"), /^folder\/x.jpg: expected a whole JPEG or PNG image/);
  }
  assert.equal((await decodePicture(jpeg, "x")).width, 64);
});

/** 7 × 5 pixels, and what Pillow 9.4 makes of it: Image.crop(box).resize(size, BILINEAR), bytes in hex. */
const pattern: Picture = {
  width: 7,
  height: 5,
  data: Uint8Array.from({ length: 105 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % 7, Math.floor(i / 21)];
    return (x * 37 + y * 101 + c * 59 + ((x * y * c) % 7) * 31) % 256;
  }),
};

for (const [box, [width, height], hex] of [
  [[0, 0, 7, 5], [4, 3], "3e7b8e787799a6be628e86679d6c8f6c7b8a897b617a6e947ca05b8d709167857568538c"],
  [
    [0, 0, 7, 5],
    [9, 6],
    "003b7619548f3570ab528dc86faae58cc73ba9e41fc5ab3bde19544c87c265af7981887a9e4d91bb7c3cd8ab628ada9c51b39d6a3054a04681b9" +
      "7f939392a15d798b7a482d979c40789291656eac7e616b892f6aa27a9f7ca1ad468890632467808d509d647e96509f679b8b48837e61b5797d9d" +
      "808c5b917748a2948881b16a838e5e942696a294cf0aad9037c9576cad5ca103d9d620ad443d6c40592f75720aa2",
  ],
  [[1, 1, 6, 4], [2, 5], "af795da8b08f917f778a937965879e5e68597185929b627e79848ac35e96"],
] as const) {
  test(`resizing [${box}] to ${width}×${height} gives Pillow's bytes, whole and by windows`, () => {
    const [left, top, right, bottom] = box;
    const part = { x: left, y: top, width: right - left, height: bottom - top };
    const interleave = (planes: Uint8Array) => {
      const plane = planes.length / 3;
      return Buffer.from(planes.map((_, i) => planes[(i % 3) * plane + Math.floor(i / 3)]!)).toString("hex");
    };
    const whole = resize(pattern, part, width, height);
    assert.equal(interleave(whole), hex);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = resize(pattern, part, width, height, { x, y, width: 1, height: 1 });
        assert.deepEqual(
          [...pixel],
          [0, 1, 2].map((c) => whole[(c * height + y) * width + x]),
        );
      }
    }
  });
}

test("a random box lies inside the picture, and an even colour stays even through any crop", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 1, max: 90 }),
      fc.nat(),
      (width, height, n) => {
        const draws = drawCrop(createRng(n));
        const { x, y, width: w, height: h } = randomBox({ width, height }, draws);
        assert.ok(x >= 0 && y >= 0 && w >= 1 && h >= 1 && x + w <= width && y + h <= height);
        const picture = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
        for (const how of [draws, null]) {
          assert.ok(cropPicture(picture, { size: 8, resize: 9 }, how).every((v) => v === 255));
        }
      },
    ),
    { seed, numRuns: 200 },
  );
});

test("a folder of photographs: classes, sizes, and the same bits with and without workers, ahead or not", async (t) => {
  const root = await makeImageFolder(t);
  const results: Float32Array[] = [];
  for (const [workers, ahead] of [
    [0, false],
    [2, false],
    [2, true],
  ] as const) {
    const data = await openImageFolder(root, { size: 16, workers });
    t.after(() => data.close());
    assert.deepEqual(data.classes, ["cat", "dog"]);
    assert.deepEqual([data.train.length, data.test.length, data.channels, data.width], [6, 2, 3, 16]);
    const indices = Uint32Array.of(5, 0, 3, 2);
    const images = new Float32Array(4 * 3 * 256);
    const labels = new Float32Array(4);
    const rng = createRng(seed);
    if (ahead) {
      data.train.prepare!(indices, rng);
    }
    await data.train.batch(indices, images, labels, rng);
    assert.deepEqual([...labels], [1, 0, 1, 0]);
    await cuttingChangesNothing(data, data.train, seed);
    await onlyTrainingIsRandom(data, data.train, seed);
    const plain = new Float32Array(2 * 3 * 256);
    await data.test.batch(Uint32Array.of(0, 1), plain, new Float32Array(2), null);
    results.push(Float32Array.of(...images, ...plain));
    await data.close();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test("evaluation is the centre, at ImageNet's normalisation or Caffe's", async (t) => {
  const root = await makeImageFolder(t);
  const file = await decodePicture(await readFile(join(root, "val", "cat", "d.jpg")), "d.jpg");
  const planes = cropPicture(file, { size: 16, resize: 18 }, null);
  for (const caffe of [false, true]) {
    const normalization = caffe ? { normalization: caffeNormalization } : {};
    const data = await openImageFolder(root, { size: 16, resize: 18, workers: 0, ...normalization });
    const images = new Float32Array(3 * 256);
    await data.test.batch(Uint32Array.of(0), images, new Float32Array(1), null);
    for (const i of [0, 100, 256, 700]) {
      const c = i >> 8;
      const expected = caffe
        ? planes[(2 - c) * 256 + (i & 255)]! - [104, 117, 123][c]!
        : (planes[i]! / 255 - [0.485, 0.456, 0.406][c]!) / [0.229, 0.224, 0.225][c]!;
      assert.ok(Math.abs(images[i]! - expected) < 1e-5);
    }
  }
});

test("a damaged image is an error that names it, or left out and counted", async (t) => {
  const root = await makeImageFolder(t);
  const bad = join(root, "train", "cat", "b.JPEG");
  await writeFile(bad, (await readFile(bad)).subarray(0, 300));
  const order = Uint32Array.of(0, 1, 2);
  const images = new Float32Array(3 * 3 * 64);
  const labels = new Float32Array(3);
  for (const workers of [0, 1]) {
    const strict = await openImageFolder(root, { size: 8, workers });
    strict.train.prepare!(order, null);
    await rejects(
      Promise.resolve(strict.train.batch(order, images, labels, null)),
      /train.cat.b.JPEG: expected a whole JPEG or PNG image, got .*Premature end/,
    );
    await strict.close();
    const lenient = await openImageFolder(root, { size: 8, workers, skipBad: true });
    await lenient.train.batch(order, images, labels, null);
    await lenient.train.batch(order, images, labels, null);
    assert.deepEqual(lenient.skipped, [bad]);
    assert.deepEqual(images.slice(192, 384), images.slice(384, 576), "the next image stands in");
    await lenient.close();
  }
});

test("a damaged test image is left out of the split: no other counts twice", async (t) => {
  const root = await makeImageFolder(t);
  for (const [k, name] of ["cat", "dog"].entries()) {
    await writeFile(join(root, "val", name, "e.jpg"), await encodeJpeg(scene(40, 44, 60 * k + 90)));
  }
  const sound = await openImageFolder(root, { size: 8, workers: 0 });
  const plane = 3 * 64;
  const all = new Float32Array(4 * plane);
  await sound.test.batch(Uint32Array.of(0, 1, 2, 3), all, new Float32Array(4), null);
  const bad = [
    join(root, "train", "cat", "a.jpg"),
    join(root, "val", "cat", "e.jpg"),
    join(root, "val", "dog", "d.jpg"),
  ];
  for (const path of bad) {
    await writeFile(path, "no image");
  }
  for (const workers of [0, 2]) {
    const strict = await openImageFolder(root, { size: 8, workers });
    assert.equal(strict.test.length, 4);
    await strict.close();
    const lenient = await openImageFolder(root, { size: 8, workers, skipBad: true });
    assert.deepEqual(lenient.skipped, bad.slice(1));
    assert.equal(lenient.test.length, 2);
    const images = new Float32Array(2 * plane);
    const labels = new Float32Array(2);
    await lenient.test.batch(Uint32Array.of(0, 1), images, labels, null);
    assert.deepEqual([...labels], [0, 1]);
    assert.deepEqual(images.slice(0, plane), all.slice(0, plane));
    assert.deepEqual(images.slice(plane), all.slice(3 * plane));
    await lenient.train.batch(Uint32Array.of(0), images.subarray(plane), labels.subarray(1), null);
    assert.deepEqual(lenient.skipped, bad, "sorted, though the training image came last");
    assert.equal(lenient.hash, strict.hash, "the hash is of the files as they are");
    await lenient.close();
  }
  for (const path of ["cat/d.jpg", "dog/e.jpg"]) {
    await writeFile(join(root, "val", path), "no image");
  }
  await rejects(openImageFolder(root, { size: 8, skipBad: true }), /e.jpg: expected a whole JPEG or PNG/);
});

test("a folder without images, with one class or none, or of no known layout says so", async (t) => {
  const root = await folderFor(t);
  await rejects(openDataset(root), /expected train\/CLASS.*got an empty folder/);
  await mkdir(join(root, "train"));
  await rejects(
    openDataset(root),
    /train: expected one folder for each of at least two classes, got no folder/,
  );
  await mkdir(join(root, "train", "cat"));
  await rejects(openDataset(root), /train: expected .* got only cat/);
  await mkdir(join(root, "train", "dog"));
  await rejects(openDataset(root), /val: expected a folder of images, got nothing there/);
  await mkdir(join(root, "val", "bird"), { recursive: true });
  await rejects(openDataset(root), /bird: expected a class that train\/ has too/);
  await rm(join(root, "val", "bird"), { recursive: true });
  await rejects(openDataset(root), /train.cat: expected JPEG or PNG files, got none/);
});

test("a centre crop wider than the resized image is refused", async (t) => {
  const root = await makeImageFolder(t);
  await assert.rejects(openImageFolder(root, { size: 16, resize: 15 }), UsageError);
  await assert.rejects(openImageFolder(root, { size: 16, resize: 16.5 }), UsageError);
});

test("a side that is no whole number of pixels is refused, whatever the data", async (t) => {
  const root = await makeImageFolder(t);
  for (const [size, data] of [
    [0, root],
    [32.5, root],
    [Number.POSITIVE_INFINITY, root],
    [32.5, "fashion-mnist"],
  ] as const) {
    const message = new RegExp(
      `--image: expected a whole number of pixels, at least 1, got ${size}; give for`,
    );
    await assert.rejects(
      openDataset(data, { size }),
      (e: Error) => e instanceof UsageError && message.test(e.message),
    );
  }
  await assert.rejects(openImageFolder(root, { size: 32.5 }), UsageError);
});

test("an unknown data set suggests the nearest name", async () => {
  await rejects(openDataset("cifar-10"), /got "cifar-10"; did you mean cifar10\?/);
  await rejects(openDataset("fashion_mnist"), /did you mean fashion-mnist\?/);
  await rejects(openDataset("/no/such/folder/at/all"), /use one of fashion-mnist, cifar10, cifar100/);
});
