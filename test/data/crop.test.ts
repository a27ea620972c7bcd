/** Resizing has Pillow's bytes, and crops are where torchvision has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cropPicture, drawCrop, randomBox } from "../../src/data/crop.js";
import type { Picture } from "../../src/data/picture.js";
import { resize } from "../../src/data/resize.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

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

test("the centre crop begins where torchvision's does: halves go to the even side", () => {
  for (const [width, height, size, short, x] of [
    [500, 375, 224, 256, 58],
    [375, 500, 224, 256, 58],
    [508, 375, 224, 256, 61],
    [502, 375, 224, 256, 59],
    [503, 375, 224, 256, 60],
  ] as const) {
    // The red plane tells the column, the green plane the row, in steps wide enough to survive resizing.
    const picture = {
      width,
      height,
      data: Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const p = Math.floor(i / 3);
        return i % 3 === 0
          ? Math.floor((255 * (p % width)) / width)
          : Math.floor((255 * p) / (width * height));
      }),
    };
    const [outWidth, outHeight] = [width, height].map((side) =>
      Math.trunc((short * side) / Math.min(width, height)),
    );
    const whole = resize(picture, { x: 0, y: 0, width, height }, outWidth!, outHeight!);
    const planes = cropPicture(picture, { size, resize: short }, null);
    const [left, top] = width > height ? [x, 16] : [16, x];
    for (const [row, column] of [
      [0, 0],
      [5, 100],
      [223, 223],
    ] as const) {
      assert.equal(planes[row * size + column], whole[(top + row) * outWidth! + left + column]);
    }
    // Where the part is not the one expected, the planes differ somewhere.
    const rows = Array.from({ length: size }, (_, row) => planes.subarray(row * size, (row + 1) * size));
    const expected = rows.map((_, row) => whole.subarray((top + row) * outWidth! + left).subarray(0, size));
    assert.deepEqual(rows, expected);
  }
});
