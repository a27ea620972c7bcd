/** Suggests known words for a mistyped one, by edit distance. */
import { distance } from "fastest-levenshtein";

/**
 * The known word that begins with `word`, or the closest one, the earlier one on a tie; null if more than half of `word`
 * would have to change.
 */
export function nearest(word: string, known: readonly string[]): string | null {
  const begun = known.find((candidate) => candidate.toLowerCase().startsWith(word.toLowerCase()));
  if (word.length > 1 && begun !== undefined) return begun;
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

/** The remedy for an error about an unknown name. */
export function suggestion(word: string, known: readonly string[]): string {
  const guess = nearest(word, known);
  return guess === null
    ? `use one of ${known.join(", ")}`
    : `did you mean ${guess}? Known are ${known.join(", ")}`;
}
