/** Folders of photographs as data sets. */
import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cropPicture } from "../../src/data/crop.js";
import { openImageFolder } from "../../src/data/imagefolder.js";
import { caffeNormalization } from "../../src/data/normalize.js";
import { openDataset } from "../../src/data/open.js";
import { decodePicture } from "../../src/data/picture.js";
import { filesBelow } from "../../src/data/tree.js";
import { DataError, UsageError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { cuttingChangesNothing, onlyTrainingIsRandom } from "../laws/split.js";
import { encodeJpeg, folderFor, makeImageFolder, scene } from "./images.js";

const rejects = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error) => error instanceof DataError && message.test(error.message));

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

test("what was prepared for other random numbers or other images is not used", async (t) => {
  const data = await openImageFolder(await makeImageFolder(t), { size: 8, workers: 0 });
  const batch = async (indices: Uint32Array, seeded: number) => {
    const images = new Float32Array(indices.length * 192);
    await data.train.batch(indices, images, new Float32Array(indices.length), createRng(seeded));
    return images;
  };
  const order = Uint32Array.of(0, 1, 2);
  const expected = await batch(order, 2);
  data.train.prepare!(order, createRng(1));
  assert.deepEqual(await batch(order, 2), expected);
  data.train.prepare!(Uint32Array.of(0, 2, 1), createRng(2));
  assert.deepEqual(await batch(order, 2), expected);
  assert.notDeepEqual(await batch(order, 1), expected);
});

test("the hash is of names and contents, wherever the folder is", async (t) => {
  const [one, two] = [await makeImageFolder(t), await makeImageFolder(t)];
  const hashOf = async (root: string) => (await openImageFolder(root, { size: 8, workers: 0 })).hash;
  const before = await hashOf(one);
  assert.equal(await hashOf(two), before);
  const cat = join(two, "train", "cat");
  await rename(join(cat, "a.jpg"), join(cat, "aa.jpg"));
  assert.notEqual(await hashOf(two), before);
  await rename(join(cat, "aa.jpg"), join(cat, "a.jpg"));
  await writeFile(join(cat, "a.jpg"), await encodeJpeg(scene(40, 30, 1)));
  assert.notEqual(await hashOf(two), before);
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
      /train.cat.b.JPEG: expected a whole image, .* got .*too soon/,
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
  await rejects(openImageFolder(root, { size: 8, skipBad: true }), /e.jpg: expected a whole image/);
});

test("a training split of damaged images alone is an error, under --skip-bad too", {
  timeout: 20000,
}, async (t) => {
  const root = await makeImageFolder(t);
  for (const name of ["cat", "dog"]) {
    for (const file of ["a.jpg", "b.JPEG", "c.png"])
      await writeFile(join(root, "train", name, file), "no image");
  }
  const data = await openImageFolder(root, { size: 8, workers: 0, skipBad: true });
  t.after(() => data.close());
  const batch = () => data.train.batch(Uint32Array.of(4), new Float32Array(192), new Float32Array(1), null);
  for (let i = 0; i < 2; i++) await rejects(Promise.resolve().then(batch), /train.*: expected a whole image/);
  assert.equal(data.skipped.length, 6);
  assert.equal(new Set(data.skipped).size, 6);
});

test("hidden files are passed over, links followed, and nested folders read, in torchvision's order", async (t) => {
  const root = await makeImageFolder(t);
  const picture = await encodeJpeg(scene(20, 20, 0));
  const elsewhere = await folderFor(t);
  await writeFile(join(elsewhere, "x.jpg"), picture);
  const cat = join(root, "train", "cat");
  for (const name of ["._a.jpg", ".hidden.png", ".DS_Store"]) await writeFile(join(cat, name), "no image");
  await mkdir(join(cat, ".thumbnails"));
  await writeFile(join(cat, ".thumbnails", "a.jpg"), "no image");
  await mkdir(join(root, "train", ".cache"));
  for (const folder of ["Z", "Z-1", "Z/deep"]) {
    await mkdir(join(cat, folder), { recursive: true });
    await writeFile(join(cat, folder, "n.jpg"), picture);
  }
  await symlink(join(elsewhere, "x.jpg"), join(cat, "Link.jpg"));
  await symlink(elsewhere, join(root, "train", "cow"));
  await symlink(elsewhere, join(cat, "linked"));
  await symlink(elsewhere, join(root, "val", "cow"));
  const classes = ["cat", "cow", "dog"];
  const order = [
    "Link.jpg",
    "a.jpg",
    "b.JPEG",
    "c.png",
    "Z/n.jpg",
    "Z-1/n.jpg",
    "Z/deep/n.jpg",
    "linked/x.jpg",
  ];
  assert.deepEqual(
    await filesBelow(cat),
    [...order.slice(0, 4), "notes.txt", ...order.slice(4)].map((name) => join(cat, name)),
  );
  const data = await openImageFolder(root, { size: 8, workers: 0 });
  t.after(() => data.close());
  assert.deepEqual(data.classes, classes);
  assert.deepEqual([data.train.length, data.test.length], [order.length + 1 + 3, 3]);
  const labels = new Float32Array(data.train.length);
  const all = Uint32Array.from(labels, (_, i) => i);
  await data.train.batch(all, new Float32Array(labels.length * 192), labels, null);
  assert.deepEqual([...labels], [...order.map(() => 0), 1, 2, 2, 2]);
  await symlink(cat, join(cat, "Z", "again"));
  await rejects(openImageFolder(root, { size: 8 }), /again: expected a folder that is not within itself/);
});

test("a file that torchvision would read and this does not is named, or left out and listed", async (t) => {
  const root = await makeImageFolder(t);
  const path = join(root, "train", "dog", "b.bmp");
  await writeFile(path, "BM");
  await rejects(
    openImageFolder(root),
    /dog.b\.bmp: expected JPEG, PNG, WebP or TIFF, got .*\.bmp, which is not read/,
  );
  const data = await openImageFolder(root, { skipBad: true, workers: 0 });
  assert.deepEqual([data.train.length, data.skipped], [6, [path]]);
});

test("an image with more pixels than the limit is refused, named and left out like a damaged one; an option raises it", async (t) => {
  const root = await makeImageFolder(t);
  const open = (maxPixels: number, skipBad = false) =>
    openDataset(root, { size: 8, workers: 0, maxPixels, skipBad });
  const batch = async (data: Awaited<ReturnType<typeof open>>) =>
    data.train.batch(Uint32Array.of(1), new Float32Array(192), new Float32Array(1), null);
  await batch(await open(33 * 47));
  await rejects(
    batch(await open(33 * 47 - 1)),
    /b\.JPEG: expected an image of at most 1550 pixels, got 33 × 47; .*dataset\.maxPixels.*dataset\.skipBad/,
  );
  const lenient = await openDataset(root, { size: 8, workers: 1, maxPixels: 2000, skipBad: true });
  assert.equal(lenient.skipped.length, 0);
  await lenient.close();
  const none = openDataset(root, { size: 8, workers: 0, maxPixels: 1999, skipBad: true });
  await rejects(none, /val.*d\.jpg: expected an image of at most 1999 pixels/);
  await assert.rejects(open(Number.NaN), UsageError);
  await assert.rejects(open(0), UsageError);
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
  await rejects(openDataset(root), /train.cat: expected image files, got none/);
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
      `dataset.size: expected a whole number of pixels, at least 1, got ${size}; give for`,
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
