/** The known word that a mistyped one most likely stands for: least edit distance, the earlier one on a tie. */
import { distance } from "fastest-levenshtein";

/** Null when more than half of `word` would have to change. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, word.length / 2);
  for (const candidate of known) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < least || (edits === least && best === null)) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}

/** The remedy of an error about an unknown name. */
export function suggestion(word: string, known: readonly string[]): string {
  const guess = nearest(word, known);
  return guess === null
    ? `use one of ${known.join(", ")}`
    : `did you mean ${guess}? Known are ${known.join(", ")}`;
}
