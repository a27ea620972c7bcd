/** Image files as people have them: odd ones have Pillow's pixels, damaged ones are told from odd ones, bombs do not go off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { encode as encodePng } from "fast-png";
import { lzwLength } from "../../src/data/formats/tiff.js";
import { decodePicture, mostPixels } from "../../src/data/picture.js";
import { DataError } from "../../src/error.js";
import { seed } from "../arbitrary/seed.js";
import { encodeJpeg, fileOf, goldenOf, marker, names, scene } from "./images.js";

const rejectsAs = (name: string, bytes: Uint8Array, message: RegExp) =>
  assert.rejects(
    decodePicture(bytes, name),
    (error) => error instanceof DataError && message.test(error.message),
  );
const rejects = (bytes: Uint8Array, message: RegExp) => rejectsAs("f", bytes, message);

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
    await rejectsAs("folder/x.jpg", bytes, /^folder\/x.jpg: expected a whole image, JPEG, PNG, WebP or TIFF/);
  }
  assert.equal((await decodePicture(jpeg, "x")).width, 64);
});

test("odd images have Pillow's pixels: four planes, progressive, palettes, a name that lies, one pixel, trailing bytes", async () => {
  assert.ok(names.length >= 33);
  for (const name of names.filter((name) => name !== "sixteen-grey.png")) {
    const { width, height, data } = await decodePicture(fileOf(name), name);
    assert.deepEqual({ width, height, data }, goldenOf(name), name);
  }
  // Where we differ: Pillow takes 16-bit grey for integers of any size, and cuts them off at 255.
  const grey = await decodePicture(fileOf("sixteen-grey.png"), "grey");
  assert.deepEqual(
    grey.data,
    Uint8Array.from({ length: 189 }, (_, i) => 2 * Math.floor(i / 3) + 1),
  );
  assert.ok(goldenOf("sixteen-grey.png").data.every((value) => value === 255));
});

test("the same bytes as a view of larger memory are the same image", async () => {
  for (const name of names) {
    const bytes = fileOf(name);
    const around = new Uint8Array(bytes.length + 20).fill(0xff);
    around.set(bytes, 7);
    const view = around.subarray(7, 7 + bytes.length);
    assert.deepEqual(
      (await decodePicture(view, name)).data,
      (await decodePicture(Uint8Array.from(bytes), name)).data,
    );
  }
});

test("whatever bytes change, the answer is an image of the header's size or a DataError that names the file", async () => {
  let read = 0;
  for (const name of names) {
    const bytes = fileOf(name);
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(bytes.length), fc.boolean(), async (places, cut, whole) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of places) damaged[at] = value;
        try {
          const { width, height, data } = await decodePicture(
            whole ? damaged : damaged.subarray(0, cut),
            "f",
            1e6,
          );
          assert.equal(data.length, 3 * width * height);
          read++;
        } catch (error) {
          assert.ok(error instanceof DataError && error.message.startsWith("f: "), String(error));
          assert.doesNotMatch(error.message, /undefined|Cannot read|is not a function/);
        }
      }),
      { seed, numRuns: 60 },
    );
  }
  assert.ok(read > 50);
});

/** PNG's checksum, which Node 20 does not have from its first version on. */
function crc32(bytes: Uint8Array): number {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function header(width: number, height: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, 2], 8);
  return chunk("IHDR", data);
}

const pngOf = (...chunks: Buffer[]) =>
  Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    ...chunks,
    chunk("IEND", Buffer.alloc(0)),
  ]);

test("an image of more pixels than the limit is refused by its header, in every format", async () => {
  const tooLarge =
    /^f: expected an image of at most 89478485 pixels, got (\d+) × (\d+); .*dataset\.maxPixels/;
  await rejects(pngOf(header(30000, 30000), chunk("IDAT", deflateSync(Buffer.alloc(1 << 20)))), tooLarge);
  const jpeg = Buffer.from(fileOf("rgb.jpg"));
  jpeg.writeUInt16BE(20000, marker(jpeg, 0xc0) + 5);
  jpeg.writeUInt16BE(20000, marker(jpeg, 0xc0) + 7);
  await rejects(jpeg, tooLarge);
  const lossy = Buffer.from(fileOf("lossy.webp"));
  lossy.writeUInt16LE(16383, 26);
  lossy.writeUInt16LE(16383, 28);
  await rejects(lossy, tooLarge);
  const lossless = Buffer.from(fileOf("lossless.webp"));
  lossless.writeUInt32LE((16383 | (16383 << 14)) >>> 0, 21);
  await rejects(lossless, tooLarge);
  const extended = Buffer.from(fileOf("alpha.webp"));
  extended.writeUIntLE(20000, 24, 3);
  extended.writeUIntLE(20000, 27, 3);
  await rejects(extended, tooLarge);
  const tiff = Buffer.from(fileOf("rgb.tif"));
  const page = tiff.readUInt32LE(4);
  for (let i = 0; i < tiff.readUInt16LE(page); i++) {
    const entry = page + 2 + 12 * i;
    if (tiff.readUInt16LE(entry) === 256 || tiff.readUInt16LE(entry) === 257)
      tiff.writeUInt16LE(60000, entry + 8);
  }
  await rejects(tiff, tooLarge);
  assert.equal(mostPixels, 89478485);
  // The limit itself is allowed.
  assert.equal((await decodePicture(fileOf("rgb.jpg"), "f", 43 * 29)).width, 43);
  await assert.rejects(decodePicture(fileOf("rgb.jpg"), "f", 43 * 29 - 1), DataError);
});

test("the limit sees each file's own size", async () => {
  for (const name of names) {
    const { width, height } = goldenOf(name);
    await decodePicture(fileOf(name), "f", width * height);
    if (width * height === 1) continue;
    await assert.rejects(
      decodePicture(fileOf(name), "f", width * height - 1),
      (error: Error) => error.message.includes(`pixels, got ${width} × ${height};`),
      name,
    );
  }
});

test("what is small by its header does not unfold to more: data, profiles, second headers", async () => {
  const zeros = deflateSync(Buffer.alloc(1 << 26));
  await rejects(pngOf(header(10, 10), chunk("IDAT", zeros)), /decompress to more than its header says/);
  await rejects(
    pngOf(header(10, 10), header(30000, 30000), chunk("IDAT", zeros)),
    /a PNG with a second header/,
  );
  const rows = deflateSync(Buffer.alloc(10 * 31));
  // No pixel needs a profile: neither a large one nor one that cannot be unfolded matters.
  const profile = Buffer.concat([Buffer.from("profile\0\0"), zeros.subarray(0, 9000)]);
  const { data } = await decodePicture(
    pngOf(header(10, 10), chunk("iCCP", profile), chunk("IDAT", rows)),
    "f",
  );
  assert.equal(data.length, 300);
  const tiff = fileOf("deflate.tif");
  const page = tiff.readUInt32LE(4);
  const bomb = Buffer.concat([tiff, zeros]);
  for (let i = 0; i < tiff.readUInt16LE(page); i++) {
    const entry = page + 2 + 12 * i;
    const tag = tiff.readUInt16LE(entry);
    if (tag === 273) bomb.writeUInt32LE(tiff.length, entry + 8);
    if (tag === 279) {
      bomb.writeUInt16LE(4, entry + 2);
      bomb.writeUInt32LE(zeros.length, entry + 8);
    }
  }
  await rejects(bomb, /larger than|decompress to more/);
});

/** TIFF's LZW of bytes that are all alike, `times` anew: a code of each length, for ever longer runs. */
function runs(codesEach: number, times: number): { codes: Buffer; bytes: number } {
  const bits: number[] = [];
  let next = 258;
  let bytes = 0;
  const put = (code: number) => {
    const width = next >= 2047 ? 12 : next >= 1023 ? 11 : next >= 511 ? 10 : 9;
    for (let i = width - 1; i >= 0; i--) bits.push((code >> i) & 1);
  };
  for (let time = 0; time < times; time++) {
    put(256);
    next = 258;
    put(0);
    bytes++;
    for (let i = 0; i < codesEach; i++, next++) {
      put(next);
      bytes += next - 256;
    }
  }
  put(257);
  const codes = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    codes[i >> 3]! |= bit << (7 - (i & 7));
  });
  return { codes, bytes };
}

test("the length of LZW data is counted without unfolding them, and no further than is asked", () => {
  for (const codesEach of [0, 1, 10, 252, 253, 254, 800, 3000]) {
    for (const times of [1, 2, 3]) {
      const { codes, bytes } = runs(codesEach, times);
      assert.equal(lzwLength(codes, Number.POSITIVE_INFINITY), bytes);
      const counted = lzwLength(codes, Math.floor(bytes / 2));
      assert.ok(bytes < 4 || (counted > Math.floor(bytes / 2) && counted <= Math.floor(bytes / 2) + 4096));
    }
  }
});
