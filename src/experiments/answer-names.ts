/** The answers that an experiment's file may name; answers/ has one file for each. */
export const answerNames = [
  "accuracy",
  "gradient-errors",
  "ratios",
  "rivals",
  "larger-batch",
  "overhead",
  "whole-memory",
  "own-choices",
] as const;

export type AnswerName = (typeof answerNames)[number];
