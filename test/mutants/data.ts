/** Mutants of what reads data sets: image files, folders, crops and small images. */
import { type Mutant, of } from "./mutant.js";

export const dataMutants: Mutant[] = [
  ...of("data/jpeg/segments", [
    ["takes stuffing for a marker", "marker === 0 || marker === 0xff", "marker === 0xff"],
    ["reads lengths without their own two bytes", "end: start + length", "end: start + length + 2"],
    ["takes tables for a frame", "marker !== 0xc4 && ", ""],
    ["turns width and height round", "height: u16(1), width: u16(3)", "height: u16(3), width: u16(1)"],
  ]),
  ...of("data/jpeg/entropy", [
    [
      "reads zeros behind the end",
      'throw new Error("image data that end too soon")',
      "return void (this.#held <<= 8, this.#count += 8)",
    ],
    ["reads markers as data", "this.#bytes[this.at++] !== 0", "this.at++ < 0"],
    ["makes no number negative", "value < 1 << (size - 1)", "false"],
    ["keeps bits over a restart", "this.at = at;\n        this.#count = 0", "this.at = at"],
    ["begins longer codes too low", "first = (first + count) << 1", "first = first << 1"],
  ]),
  ...of("data/jpeg/scan", [
    ["walks diagonals the other way", "=== 0 ? i & 7 : i >> 3", "=== 0 ? i >> 3 : i & 7"],
    ["forgets means at no restart", "part.last = 0", "part.last |= 0"],
    [
      "does not add up means",
      "part.last += this.#reader.signed(size)",
      "part.last = this.#reader.signed(size)",
    ],
    ["takes a run of sixteen for the block's end", "size === 0 && symbol < 0xf0", "size === 0"],
    ["skips one coefficient less", "k += symbol >> 4", "k += (symbol >> 4) - 1"],
    ["counts the first quiet block twice", "+ this.#reader.bits(run) - 1", "+ this.#reader.bits(run)"],
    ["refines positive numbers downwards", "value > 0 ? bit : -bit", "value > 0 ? -bit : bit"],
    ["corrects nothing", "this.#reader.bits(1) === 1 && (value & bit) === 0", "this.#reader.bits(1) === 2"],
    ["takes runs beyond the block", "if (k > this.#band.last)", "if (k > 999)"],
  ]),
  ...of("data/jpeg/coefficients", [
    ["takes a file that ends too soon", "if (contents.complete)", "if (true)"],
    ["takes progressive files for complete", "this.#frame.marker !== 0xc2", "true"],
    [
      "decodes blocks that no sample needs",
      "row < Math.ceil(only.height / 8)",
      "row < Math.ceil(only.height / 8) + 1",
    ],
    ["passes over restarts", "this.#interval > 0 && left-- === 0", "false"],
    ["takes any restart for the one that is due", "restart.marker !== 0xd0 + due", "false"],
    ["does not see Adobe's transform", "this.#transform = data[11]", "this.#transform = data[10]"],
  ]),
  ...of("data/jpeg/planes", [
    ["rounds towards zero", "const half = 1 << (shift - 1)", "const half = 0"],
    ["uses another cosine", "15137", "15136"],
    ["transforms rows first", "transform(block, column, 8, 11)", "transform(block, 8 * column, 1, 11)"],
    ["takes each sample twice", "across === 2 && down <= 2 && smooth", "false"],
    ["smooths two columns too", "samples.width > 2", "samples.width > 0"],
    ["rounds halves always up", "(x % 2 === 0 ? 8 : 7)", "8"],
    [
      "looks for the next row on the other side",
      "row + (y % 2 === 0 ? -1 : 1)",
      "row + (y % 2 === 0 ? 1 : -1)",
    ],
  ]),
  ...of("data/jpeg/cmyk", [
    ["takes inks as they are", "(255 - inverted) * light", "inverted * light"],
    ["rounds products down", "* light + 128", "* light"],
    ["takes luminance for an ink", "image.transform === 2", "false"],
    ["exchanges the colours of YCCK", "[cb - 128, cr - 128]", "[cr - 128, cb - 128]"],
  ]),
  ...of("data/formats/wasm", [
    ["lets warnings pile up", "library.complaints = [];\n        const told", "const told"],
    ["goes on with a library that threw", "library.broken = true", "library.broken = false"],
  ]),
  ...of("data/formats/jpeg", [
    ["hears no warning", "complaints.length > 0", "false"],
    ["gives four planes to mozjpeg", "planes.length === 4", "planes.length === 5"],
  ]),
  ...of("data/formats/png", [
    ["lets data unfold to anything", "maxOutputLength: mostBytes(bytes)", "maxOutputLength: 2 ** 30"],
    ["takes a second header", 'type === "IHDR" && kept.length > 1', "false"],
    ["keeps profiles", '"IEND"].includes(type)', '"IEND", "iCCP"].includes(type)'],
    ["keeps the lower 8 of 16 bits", "sample >> 8", "sample & 255"],
    [
      "leaves ones at 1",
      "(((byte >> (8 - depth - (bit & 7))) & most) * 255) / most",
      "(byte >> (8 - depth - (bit & 7))) & most",
    ],
    ["takes bits from the other end", "8 - depth - (bit & 7)", "bit & 7"],
    ["forgets a chunk's checksum", "at + 12 + u32(bytes, at)", "at + 8 + u32(bytes, at)"],
  ]),
  ...of("data/formats/webp", [
    ["reads the width of lossy files a byte late", "u16(26) & 0x3fff", "u16(27) & 0x3fff"],
    ["takes lossless sizes one less", "(packed & 0x3fff) + 1", "packed & 0x3fff"],
  ]),
  ...of("data/formats/tiff", [
    ["unfolds strips of any length", "inflateSync(strip, { maxOutputLength: most }).length <= most", "true"],
    ["widens codes one late", "next >= 511 ? 10", "next >= 512 ? 10"],
    ["counts a code of its own as known", "code < next ? lengths[code] : previous + 1", "lengths[code] || 1"],
    ["forgets to clear", "[next, width, previous] = [end + 1, 9, 0]", "[width, previous] = [9, 0]"],
    ["counts on without an end", "&& total <= most", ""],
  ]),
  ...of("data/picture", [
    ["decodes whatever size a header says", "width * height > maxPixels", "false"],
    ["refuses an image at the limit", "width * height > maxPixels", "width * height >= maxPixels"],
  ]),
  ...of("data/crop", [
    ["rounds halves of pixels up", "x % 1 === 0.5 && Math.floor(x) % 2 === 0", "false"],
    ["rounds halves of pixels down", "x % 1 === 0.5 && Math.floor(x) % 2 === 0", "x % 1 === 0.5"],
    ["scales the long side to the size", "Math.min(width, height)", "Math.max(width, height)"],
    ["lets a box leave the picture", "w <= width && h <= height", "true"],
    ["places boxes one pixel too far", "left * (width - w + 1)", "left * (width - w + 2)"],
  ]),
  ...of("data/resize", [
    ["does not widen the triangle when it shrinks", "const reach = Math.max(scale, 1)", "const reach = 1"],
    ["looks half a pixel aside", "(first + n + 0.5) * scale", "(first + n) * scale"],
    ["rounds sums down", "1 << (fractionBits - 1)", "0"],
    ["lets values run over", "Math.min(255, red >> fractionBits)", "(red >> fractionBits) + 1"],
    ["forgets where the box begins", "start: origin + from", "start: from"],
  ]),
  ...of("data/tree", [
    ["takes hidden files for images", 'entry.name.startsWith(".")', "false"],
    ["follows no links", "entry.isSymbolicLink() ?", "false ?"],
    [
      "puts folders in the order in which they were found",
      "found.sort((a, b) => byCodeUnits(a.folder, b.folder))",
      "void 0",
    ],
    ["walks in circles", "above.has(real)", "above.size > 30"],
  ]),
  ...of("data/extensions", [
    ["takes names as they are written", "extname(path).toLowerCase()", "extname(path)"],
    [
      "leaves unread formats out without a word",
      '".webp", ".tif", ".tiff", ".bmp"',
      '".webp", ".tif", ".tiff"',
    ],
  ]),
  ...of("data/settings", [
    ["takes sizes of half a pixel", "Number.isInteger(size) && size >= 1", "size >= 1"],
    [
      "takes crops larger than the image",
      "Number.isInteger(resize) && resize >= size",
      "Number.isInteger(resize)",
    ],
    ["takes any limit on pixels", "if (maxPixels >= 1)", "if (true)"],
  ]),
  ...of("data/photographs", [
    ["looks for a whole image for ever", "bad.size === photographs.length", "false"],
    ["lists a bad image each time", "!bad.has(index)", "true"],
    ["passes over all bad test images", "whole.length === 0 && last", "false"],
    ["uses what was prepared for others", "ahead.rng === rng &&", ""],
    ["lists bad images in the order in which they were found", "skipped.sort(byCodeUnits)", "void 0"],
    ["hashes no names", "slice(root.length)", "slice(1e9)"],
  ]),
  ...of("data/normalize", [
    ["keeps the order for Caffe", 'order === "bgr" ? mean.length - 1 - c : c', "c"],
    ["scales for Caffe too", "range === 1 ? Math.fround(v / 255) : v", "Math.fround(v / 255)"],
  ]),
  ...of("data/imagefolder", [
    ["takes test classes that training lacks", "!classes.includes(name)", "false"],
    ["takes one class for enough", "classes.length < 2", "classes.length < 1"],
    ["takes any file for an image", ".filter(isPhotograph)", ".filter(() => true)"],
  ]),
  ...of("data/imagenet", [
    ["takes longer numbers for a synset", "(n\\d{8})(?!\\d)", "(n\\d{8})"],
    ["names a folder by its first photograph", "found.every(", "found.some("],
  ]),
  ...of("data/idx", [
    [
      "takes files that are longer",
      "bytes.length !== headerBytes + length",
      "bytes.length < headerBytes + length",
    ],
    ["takes any type", "magic !== wanted", "(magic & 255) !== rank"],
    ["keeps the header as data", "bytes.subarray(headerBytes)", "bytes.subarray(4)"],
  ]),
  ...of("data/idxset", [
    ["does not count labels", "labels.data.length !== count", "false"],
    ["does not compare sizes", "height !== tested.height || width !== tested.width", "false"],
  ]),
  ...of("data/pixels", [
    ["takes labels beyond the classes", "label >= classes", "label > classes"],
    ["shifts rows only", "dx: pad > 0 ? rng.integer(-pad, pad) : 0", "dx: 0"],
    ["mirrors about another column", "width - 1 - x", "width - x"],
    ["wraps at the edges", "column >= 0 && column < width", "true"],
    ["draws for a batch, not for an image", "rng.fork(", "((_) => rng)("],
    ["takes images that are not there", "index >= splitLength", "index > splitLength"],
  ]),
  ...of("data/cifar", [
    ["takes the coarse label", "bytes[start - 1]", "bytes[start - layout.labelBytes]"],
    ["takes records of any number", "bytes !== count * recordBytes", "false"],
  ]),
];
