/** What each way to break the promise does, in words. */
import type { Fault } from "./fault.js";

export const explanations: Readonly<Record<Fault, { title: string; text: readonly string[] }>> = {
  rezero: {
    title: "Set small decoded values to zero: the promise is broken",
    text: [
      "A quantiser that loses zeros can be followed by a step that sets every decoded value within the bound of 0 to 0. COMET, as recalled, does so, to restore the zeros of a ReLU. That step changes values after the codec has kept its promise: a value between one and two bounds may decode to less than a bound, and is then set to 0.",
      "The error is at most the sum of both, which is less than two bounds. The histogram shows it outside the walls. The quantisers “support”, “dithered” and “signed” give zeros an integer of their own, so they need no such step.",
    ],
  },
  nan: {
    title: "NaN and infinities: they come back bit by bit",
    text: [
      "No integer stands for a value that is not a finite number, and no distance from it is below the bound. The encoder decodes each value as the decoder will, finds that the check “|x − x̂| < bound” is not true, and stores the 32 bits of the value as they are.",
      "The first planted NaN carries the payload 0x412345, which comes back too. Each such value costs 48 bits in fast mode and 64 in dense mode. Where there are many of them, a mask marks their places, and each different word is stored only once or a few times.",
    ],
  },
  huge: {
    title: "3e38, next to the largest float32: raw bits again",
    text: [
      "The value divided by the step would need an integer beyond 2²², where float32 arithmetic no longer rounds to a whole number, or it would overflow to infinity. The encoder sees that the quotient is too large and stores the 32 bits.",
      "So the bound holds at both ends of the range of float32, and nothing is assumed about the data.",
    ],
  },
  halfway: {
    title: "Half-way values: rounding errors cannot cross the wall",
    text: [
      "Under “support” and “paper” these values lie exactly between two integers of the quantiser, so their error is the largest that rounding can make. (Dither shifts the bins by a random part of a step, so that no value is half-way by design.) If a bin were exactly two bounds wide, a rounding error in the last bit could carry them over the wall.",
      "Bins are a little narrower than two bounds, by a factor of 1 − 2⁻⁹. The error at a half-way value is therefore 0.998 bounds. The check of the encoder is strict, and a strict comparison in float32 implies one in the real numbers, because the bound itself is a float32.",
    ],
  },
};
