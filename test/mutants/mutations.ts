/** The mutants: of the reference and of how threads share its work, here; of what is around it, in files of their own. */
import { dataMutants } from "./data.js";
import { experimentMutants } from "./experiments.js";
import { fileMutants } from "./files.js";
import { type Mutant, of } from "./mutant.js";
import { seamMutants } from "./seam.js";

export const mutants: Mutant[] = [
  ...of("codec/bound", [
    ["rounds the bound to nearest instead of down", "> x)", "> Infinity)"],
    ["makes bins as wide as twice the bound", "2 - 2 ** -8", "2"],
    ["makes bins a little wider than twice the bound", "2 - 2 ** -8", "2 + 2 ** -8"],
  ]),
  ...of("codec/stages/quantize", [
    [
      "leaves the check out",
      "const within = error < sideOf(x[i], quantization).bound",
      "const within = !Number.isNaN(integer)",
    ],
    ["checks with <= instead of <", "error < sideOf", "error <= sideOf"],
    [
      "checks negative values against the positive bound",
      "sideOf(x[i], quantization).bound",
      "quantization.positive.bound",
    ],
    ["uses one bin for both signs", "x < 0 && keepsSigns(quantizer) ? negative : positive", "positive"],
    ["puts signed values on one side", "x < 0 ? q - 1 : q + 1", "q + 1"],
    ["decodes signed values below zero a bin too far", "? integer + 1 : integer", "? integer : integer"],
    [
      "rectifies nothing",
      "quantization.rectified ? 0 : Number.NEGATIVE_INFINITY",
      "Number.NEGATIVE_INFINITY",
    ],
    ["rectifies what is raw above zero too", "bits > 0x80000000 && bits", "bits > 0 && bits"],
    ["rounds half up instead of to even", "f32(f32(x + 12582912) - 12582912)", "Math.floor(x + 0.5)"],
    ["truncates instead of rounding", "f32(f32(x + 12582912) - 12582912)", "Math.trunc(x)"],
    ["loses the sign", "x < 0 ? -magnitude : magnitude", "magnitude"],
    ["puts zero into a bin", "x === 0 ? 0 : Math.floor(quotient) + 1", "Math.floor(quotient) + 1"],
    ["takes the ceiling, so that tiny values become zero", "Math.floor(quotient) + 1", "Math.ceil(quotient)"],
    ["decodes to a bin's edge", "Math.max(-0.5, Math.min(0.5, q))", "0 * q"],
    ["decodes zero to half a step", "Math.max(-0.5, Math.min(0.5, q))", "(q < 0 ? -0.5 : 0.5)"],
    ["lets quotients grow beyond round-by-addition", "2 ** 22", "2 ** 24"],
    ["keeps the integer of a raw value", "within ? integer : 0", "integer"],
    ["forgets where a chunk begins when it encodes", "integerAt(x[i], first + i", "integerAt(x[i], i"],
    [
      "forgets where a chunk begins when it decodes",
      "valueAt(Math.max(q[i], least), first + i",
      "valueAt(Math.max(q[i], least), i",
    ],
    ["does not take the dither off", " - dither(key, i)) * step", ") * step"],
    ["takes a dither from one side of zero", "(2 ** -24 - 0.5)", "2 ** -24"],
    ["uses 24 bits of the mix for 23", ">>> 9", ">>> 8"],
    ["mixes with another factor", "0x7feb352d", "0x7feb352f"],
    ["does not keep zero apart from small values", "q < 0 ? q : q + 1", "q"],
    ["reorders bits by another mask", "0x7fffffff", "0x3fffffff"],
  ]),
  ...of("codec/stages/predict", [
    ["does not wrap at 16 bits", "(value << 16) >> 16", "value"],
    ["folds with an unsigned shift", "r >> (bits - 1)", "r >>> (bits - 1)"],
    ["unfolds without the sign", "^ -(u & 1)", "^ (u & 1)"],
    ["takes the corner off instead of adding it", "left + up - corner", "left + up + corner"],
    ["reads the corner one to the right", "at(i - lag - 1)", "at(i - lag)"],
    ["does not keep zeros apart", "integer === 0 ? 1 : z + 1", "z + 1"],
    ["restores the row above one value late", "i >= lag ?", "i > lag ?"],
    ["restores without the running sum", "wrap(sum + r[i], bits)", "wrap(r[i], bits)"],
    [
      "takes the wrong middle of three",
      "Math.min(Math.max(left, up), plane)",
      "Math.min(Math.min(left, up), plane)",
    ],
    ["sees zero left of a row", "const left = x > 0 ? q[i - 1] : up", "const left = x > 0 ? q[i - 1] : 0"],
  ]),
  ...of("codec/stages/pack", [
    ["needs one bit less than it does", "32 - Math.clz32", "31 - Math.clz32"],
    ["lets two rows of a 4-bit plane overlap", "(row & 1) * 4", "(row & 1) * 2"],
    ["lets rows of a 2-bit plane overlap", "shift: row * 2", "shift: row"],
    ["folds a 1-bit plane onto half its bytes", "lane & 7", "lane & 3"],
    ["writes planes in another order", "[4, 2, 1]", "[1, 2, 4]"],
    ["reads a ragged block's bits from the wrong place", "<< (bit % width)", "<< ((bit + 1) % width)"],
  ]),
  ...of("codec/fast/chunk", [
    ["writes a width of 15 as 14", "Math.min(width, 15)", "Math.min(width, 14)"],
    ["does not count sparse integers from 1", "(sparse ? 1 : 0)", "0 * Number(sparse)"],
    ["skips the fold though values are negative", "nonNegative && predictor === 0", "predictor === 0"],
    ["closes the gap at zero but does not open it", "if (q[i] >= 0)", "if (q[i] > 0)"],
    ["gives every raw value the first one's bits", "rawValue(raw[k]", "rawValue(raw[0]"],
    ["gives up on a mask at another number of repeats", "=> n >> 4", "=> n >> 5"],
    ["takes a mask at another share of escapes", "leastHoles = 256", "leastHoles = 512"],
    ["sets the bitmap's bits in another order", "|= 1 << (i & 7)", "|= 128 >> (i & 7)"],
  ]),
  ...of("codec/stages/mask", [
    ["counts a run's zeros from its own start", "gap: start - end", "gap: start"],
    ["writes long runs one too long", "varint(run.length - 2)", "varint(run.length - 1)"],
    ["flips the bits below instead of above", "bits[i - lag]", "bits[i]"],
    ["joins equal words that are not in a row", "last?.word === word", "last !== undefined"],
  ]),
  ...of("codec/stages/bridge", [
    ["rounds the mean up", "wrap(a + b, bits) >> 1", "wrap(a + b + 1, bits) >> 1"],
    ["does not fill holes anew", "predictor < 2", "predictor < 9"],
    ["fills a lane's last hole too", "x = width - 2", "x = width - 1"],
  ]),
  ...of("codec/stages/rans", [
    ["gives a word away one state late", "x >= f * 2 ** 21", "x > f * 2 ** 21"],
    ["takes a word one state early", "after < leastState", "after <= leastState"],
    ["writes the words backwards", "words.reverse()", "words"],
    ["loses the top bit of a word", "x & 0xffff", "x & 0x7fff"],
    ["forgets where a symbol's slots start", "(x % f) + start[entry]", "(x % f)"],
    ["gives unseen symbols no slot", "1 + (sum > 0 ?", "(sum > 0 ?"],
  ]),
  ...of("codec/dense/model", [
    ["counts other integers from 0", "first + ((z - first) >>> low)", "(z - first) >>> low"],
    ["weighs the neighbours above alike", "2 * at(i)", "at(i)"],
  ]),
  ...of("comet/law", [
    ["takes the variance of an error between 0 and eb", "(eb * eb) / 3", "(eb * eb) / 12"],
    [
      "predicts a variance for a deviation",
      "Math.sqrt(errorVariance(eb) * mean(energy))",
      "errorVariance(eb) * mean(energy)",
    ],
    ["solves for the bound without the root of 3", "Math.sqrt(3) * sigma", "sigma"],
    ["solves the paper's form without R", "Math.sqrt(batch * nonZero))", "Math.sqrt(batch))"],
  ]),
  ...of("comet/budget/allocation", [
    ["gives noise to whom it costs most", "(water * saving) / noise", "(water * noise) / saving"],
    ["gives all layers equal noise", "(water * saving) / noise", "water / noise"],
    [
      "pays for the bound, not for its square",
      "Math.sqrt((water * saving) / noise)",
      "(water * saving) / noise",
    ],
    ["keeps corners that are not convex", "hull.at(-2).saving > last.saving", "true"],
  ]),
  ...of("comet/budget/cost", [
    ["does not count what travels", "each: own + travels", "each: own"],
    ["weighs by σ in place of its square", "acceptedSigma ** 2", "acceptedSigma"],
  ]),
  ...of("device/board", [
    [
      "lets a worker claim the call behind the last",
      "thread === 0 ? first : last - 1",
      "thread === 0 ? first : last",
    ],
    ["claims one call too many", "first >= last", "first > last"],
    ["claims from the front twice", "open + 1 : open - 0x10000", "open : open - 0x10000"],
    ["gives all threads one workspace", "+ bytes * thread", "+ bytes"],
    [
      "collects the results from the second on",
      "this.#list[i * callNumbers + resultAt]",
      "this.#list[(i + 1) * callNumbers + resultAt]",
    ],
    [
      "keeps no error",
      "Atomics.store(this.#words, failedAt, text.length)",
      "Atomics.store(this.#words, failedAt, 0)",
    ],
    ["tells an old round's error", "this.#words[failedAt] = 0", "this.#words[failedAt] |= 0"],
  ]),
  ...of("kernels/reference/conv2d", [
    ["counts the energy of zero inputs too", "s - padding) !== 0)", "s - padding) !== -1)"],
    [
      "leaves the last image out of the energy",
      "totals[k] += orderedSum",
      "if (n === 0 || n < N - 1) totals[k] += orderedSum",
    ],
    [
      "takes the share of another group",
      "Math.floor(k / (K / groups))",
      "groups - 1 - Math.floor(k / (K / groups))",
    ],
    ["adds gradients instead of their squares", "fround(gradient * gradient)", "fround(Math.abs(gradient))"],
    [
      "transposes the kernel's index in the weight gradient",
      "dw[((k * groupC + c) * R + r) * S + s] = sum;",
      "dw[((k * groupC + c) * S + s) * R + r] = sum;",
    ],
    [
      "flips the kernel in the input gradient",
      "weight[((k * groupC + (c % groupC)) * R + r) * S + s]",
      "weight[((k * groupC + (c % groupC)) * R + (R - 1 - r)) * S + s]",
    ],
    ["drops the bias", "let sum = bias ? bias[k] : 0", "let sum = 0"],
    ["rounds once for a product and its sum", "fround(sum + fround(input * w[", "fround(sum + (input * w["],
  ]),
  ...fileMutants,
  ...dataMutants,
  ...experimentMutants,
  ...seamMutants,
];
