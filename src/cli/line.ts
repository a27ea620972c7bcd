/** Prepares text of unknown origin for a terminal. */

const most = 2000;

/** Writes control characters as \u escapes, because they could clear the screen or start a line that looks like ours. */
export function inOneLine(text: string): string {
  const shown = [...text.slice(0, most)].map((character) =>
    isControl(character.codePointAt(0)!)
      ? `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`
      : character,
  );
  return shown.join("") + (text.length > most ? "…" : "");
}

/** C0, DEL, C1, line separators, and characters that change the direction of writing. */
const isControl = (code: number): boolean =>
  code < 0x20 ||
  (code >= 0x7f && code < 0xa0) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2066 && code <= 0x2069);
