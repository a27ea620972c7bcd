/** JPEG files: what is damaged is told from what only looks so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import factory from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { wasmDecoder } from "../../src/data/formats/wasm.js";
import { BitReader, HuffmanTable } from "../../src/data/jpeg/entropy.js";
import { ScanDecoder } from "../../src/data/jpeg/scan.js";
import { checkScans, mostScans } from "../../src/data/jpeg/segments.js";
import { decodePicture } from "../../src/data/picture.js";
import { DataError } from "../../src/error.js";
import { encodeJpeg, fileOf, goldenOf, marker, names, scene } from "./images.js";

const rejects = (bytes: Uint8Array, message: RegExp) =>
  assert.rejects(
    decodePicture(bytes, "f"),
    (error) => error instanceof DataError && message.test(error.message),
  );

const insert = (bytes: Uint8Array, at: number, ...more: number[]) =>
  Buffer.concat([bytes.subarray(0, at), Uint8Array.from(more), bytes.subarray(at)]);

test("JPEG: colours come back within the loss of quality 100, grey as three equal channels", async () => {
  const picture = scene(31, 17, 0);
  const got = await decodePicture(await encodeJpeg(picture), "p.jpg");
  assert.deepEqual([got.width, got.height, got.data.length], [31, 17, 31 * 17 * 3]);
  assert.ok(got.data.every((v, i) => Math.abs(v - picture.data[i]!) <= 6));
  const grey = await decodePicture(await encodeJpeg(picture, true), "g.jpg");
  assert.ok(grey.data.every((v, i) => v === grey.data[3 * Math.floor(i / 3)]));
});

const jpegs = names.filter(
  (name) => name.endsWith(".jpg") && !name.startsWith("trailing") && name !== "one.jpg",
);

test("JPEG: what only looks damaged is read: stray bytes, odd numbers that mean nothing, an end that is missing alone", async () => {
  for (const name of jpegs) {
    const bytes = fileOf(name);
    const golden = goldenOf(name);
    const odd: Uint8Array[] = [
      insert(bytes, bytes.length - 2, 1, 2),
      insert(bytes, marker(bytes, 0xc4), 7, 0xff, 0, 0xff, 0xff, 0, 9),
    ];
    if (marker(bytes, 0xc2) < 0) {
      odd.push(bytes.subarray(0, -2));
      const parameters = Buffer.from(bytes);
      const scan = marker(bytes, 0xda);
      parameters[scan + 2 + parameters.readUInt16BE(scan + 2) - 2] = 0;
      odd.push(parameters);
    }
    for (const file of odd) assert.deepEqual((await decodePicture(file, name)).data, golden.data, name);
  }
});

test("JPEG: what is cut is not read, at whatever byte, and with whatever harmless warning before", async () => {
  for (const name of jpegs) {
    const bytes = fileOf(name);
    const first = marker(bytes, 0xda) + 14;
    const stray = insert(bytes, marker(bytes, 0xc4), 7, 8, 9);
    for (let cut = bytes.length - 12; cut > first; cut -= 97) {
      // Between two scans, a progressive file that gets an end is a whole one, only coarser.
      if (bytes[cut] === 0xff || bytes[cut - 1] === 0xff) continue;
      for (const end of [[], [0xff, 0xd9]]) {
        await rejects(
          Buffer.concat([bytes.subarray(0, cut), Uint8Array.from(end)]),
          /f: expected a whole image/,
        );
        await rejects(
          Buffer.concat([stray.subarray(0, cut + 3), Uint8Array.from(end)]),
          /f: expected a whole image/,
        );
      }
    }
  }
});

test("JPEG: data that are too short are not read, though other bytes follow; nor is a restart out of turn", async () => {
  for (const name of jpegs) {
    const bytes = fileOf(name);
    // Between two scans, see above.
    if (marker(bytes, 0xc2) >= 0) continue;
    const behind = Buffer.concat([Uint8Array.of(0xff, 0xd9), new Uint8Array(4000).fill(0x5a)]);
    await rejects(Buffer.concat([bytes.subarray(0, bytes.length - 60), behind]), /f: expected a whole image/);
  }
  const restarts = fileOf("cmyk-restarts.jpg");
  for (const [which, other] of [
    [0xd1, 0xd2],
    [0xd7, 0xd6],
  ] as const) {
    const turned = Buffer.from(restarts);
    turned[marker(turned, which) + 1] = other;
    await rejects(turned, /restart marker that is not there/);
  }
});

test("JPEG: a file of very many scans is refused before it is decoded", async () => {
  for (const name of ["progressive.jpg", "cmyk-progressive.jpg"]) {
    const bytes = fileOf(name);
    const scan = bytes.lastIndexOf(Buffer.from([0xff, 0xda]));
    const repeated = (times: number) =>
      Buffer.concat([
        bytes.subarray(0, scan),
        ...Array(times).fill(bytes.subarray(scan, -2)),
        bytes.subarray(-2),
      ]);
    const scans = bytes.toString("latin1").split("\xff\xda").length - 1;
    checkScans(repeated(mostScans - scans + 1));
    await rejects(repeated(mostScans - scans + 2), /more than 100 scans/);
  }
});

test("JPEG: a run of zeros that leaves its block is damage", () => {
  // One code of one bit, 0: in DC a difference of 0, in AC fifteen zeros and a number of one bit.
  const counts = Uint8Array.of(1, ...new Uint8Array(15));
  const [dc, ac] = [0, 0xf1].map((symbol) => new HuffmanTable(counts, Uint8Array.of(symbol)));
  const band = { first: 0, last: 63, high: 0, low: 0 };
  const decoder = new ScanDecoder(new BitReader(new Uint8Array(8), 0), false, band);
  const blocks = { stride: 1, coefficients: new Int16Array(64) };
  assert.throws(() => decoder.block({ blocks, dc, ac, last: 0 }, 0), /a damaged run of coefficients/);
});

test("JPEG: a sound file has no warning, whatever was decoded before", async () => {
  const decode = wasmDecoder(factory, "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", [false]);
  const good = fileOf("rgb.jpg");
  const warned = await decode(insert(good, marker(good, 0xc4), 7, 8, 9));
  assert.match(warned.complaints.join(), /3 extraneous bytes before marker/);
  assert.deepEqual((await decode(good)).complaints, []);
  await assert.rejects(decode(good.subarray(0, 60)));
  assert.deepEqual(await decode(good), { picture: goldenOf("rgb.jpg"), complaints: [] });
});

test("JPEG: a warning belongs to its file, whatever else is decoded at the same time", async () => {
  const good = fileOf("rgb.jpg");
  const bad = Buffer.concat([good.subarray(0, -300), Uint8Array.of(0xff, 0xd9)]);
  const order = Array.from({ length: 24 }, (_, i) => i % 3 === 1);
  const results = await Promise.allSettled(order.map((sound) => decodePicture(sound ? good : bad, "f")));
  assert.deepEqual(
    results.map(({ status }) => status === "fulfilled"),
    order,
  );
});
