/** The answers by name. */
import type { Answering } from "../answer.js";
import type { AnswerName } from "../answer-names.js";
import { accuracy } from "./accuracy.js";
import { gradientErrors } from "./gradient-errors.js";
import { largerBatch } from "./larger-batch.js";
import { overhead } from "./overhead.js";
import { ownChoices } from "./own-choices.js";
import { ratios } from "./ratios.js";
import { rivals } from "./rivals.js";
import { wholeMemory } from "./whole-memory.js";

export const answers: Readonly<Record<AnswerName, Answering>> = {
  accuracy,
  "gradient-errors": gradientErrors,
  ratios,
  rivals,
  "larger-batch": largerBatch,
  overhead,
  "whole-memory": wholeMemory,
  "own-choices": ownChoices,
};
