/**
 * Escapes text for a page: as HTML text or attribute, as JSON in a script tag, or as the body of a script.
 */

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For text between tags and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c]!);

/** JSON that no HTML parser can take for a tag or a comment; JSON.parse returns the same value. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** JavaScript in which no string or regular expression can end the surrounding script tag. */
export const scriptBody = (code: string): string => code.replace(/<(?=\/script|!--)/gi, "\\x3c");
