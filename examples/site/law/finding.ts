/** What a comparison means, in words. */
import { short } from "../number.js";
import type { Choice, Kind, Row } from "./experiment.js";

export const notes: Readonly<Record<Kind, string>> = {
  convolution: "The first convolution of a trained ResNet-8, on four images. It saves its input, the images.",
  norm: "The first convolution and its batch normalisation. Each saves a tensor.",
  sum: "The first convolution, batch normalisation and residual block. One of the tensors that are kept is a sum.",
};

export function finding(
  { quantizer, background }: Choice,
  { predicted, measured }: Row,
  right: boolean,
): string {
  const ratio = predicted / measured;
  if (quantizer === "dithered") {
    return right
      ? "The prediction holds: with dither its premises are true for every tensor and every bound."
      : `The prediction is off by a factor of ${short(ratio)}. Few weights and few draws scatter: draw more.`;
  }
  if (right) {
    return background === 0
      ? "Without dither nothing guarantees this, but here the errors happen to be nearly uncorrelated: the background is exactly 0 and has no error. Make it grey."
      : "Without dither nothing guarantees this. At this grey and this bound it happens to come out right; move one of them a little.";
  }
  const side =
    ratio < 1
      ? `the gradient’s error is ${short(1 / ratio)} times as large as predicted`
      : `the gradient’s error is only ${short(1 / ratio)} of what is predicted`;
  return `The prediction fails: ${side}. Without dither equal values have equal errors, which add up instead of cancelling, or are 0 together.`;
}
