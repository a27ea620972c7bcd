/** Text on its way into a page: as HTML text or attribute, as JSON in a script tag, as the body of a script. */

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For text between tags and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c]!);

/** JSON that no HTML parser can mistake for a tag or a comment; JSON.parse gives the same value. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** JavaScript whose strings and regular expressions cannot end the script tag around it. */
export const scriptBody = (code: string): string => code.replace(/<(?=\/script|!--)/gi, "\\x3c");
