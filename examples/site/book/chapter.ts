/**
 * Turns a Markdown file of docs/ into the content of a page when the site is built: headings with ids, links between the
 * chapters, numbered equations as formulas, claims and code in backquotes as links, and live figures where they belong.
 */
import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { Marked, type Tokens } from "marked";
import { formulas } from "./formulas.js";
import { addressOf, root, sourceOf } from "./sources.js";

/** The pages of the book, by the files that they are made of. */
export const chapters: Readonly<Record<string, string>> = {
  "docs/theory.md": "theory",
  "docs/format.md": "format",
  "docs/bound.md": "bound",
  "docs/architecture.md": "architecture",
  "docs/glossary.md": "glossary",
  "proofs/README.md": "claims",
};

/** Live figures by the equation or the heading behind which they stand. */
const figures: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "docs/theory.md": {
    "1 The idea": "kept",
    T6: "adding",
    T7: "shape",
    T9: "tolerated",
    T12: "bound",
    "6 Does it hold?": "notice",
  },
  "docs/bound.md": { "When the bound does not hold": "bound", "What the guarantee does not cover": "zeros" },
};

const escapeHtml = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

/** An id as GitHub makes it of a heading. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

/** Where a link of a file leads to from the page. */
function target(file: string, href: string): string {
  if (/^(?:https?:|#)/.test(href)) return href;
  const [path = "", hash] = href.split("#");
  const named = normalize(join(file, "..", path)).replaceAll("\\", "/");
  const chapter = chapters[named];
  return chapter ? `./${chapter}.html${hash ? `#${hash}` : ""}` : addressOf(named);
}

/** Links each id of a claim in a text that has no tags. */
const withClaims = (html: string): string =>
  html
    .replace(/\bclaims? (?:[A-Z]\d+(?:, | and )?)+/g, (list) =>
      list.replace(/[A-Z]\d+/g, (id) => `<a href="./claims.html#${id}">${id}</a>`),
    )
    .replace(/\((T\d+)\)/g, (all, id: string) =>
      id in formulas ? `(<a href="./theory.html#${id}">${id}</a>)` : all,
    );

/** An equation's line: its number, its text, and the claims that stand at its end. */
const equation = /^\(([A-Z]\d+)\)\s+(.*?)(?:\s{2,}(claims? [A-Z]\d+(?:, [A-Z]\d+)*))?$/;

/** A line of a block of code, if it is a numbered equation. Throws an error if its formula is not that of its text. */
function equationHtml(line: string): { id: string; html: string } | null {
  const [, id, written, claims = ""] = equation.exec(line.trim()) ?? [];
  if (id === undefined) return null;
  const text = written!.replace(/\s+/g, " ").trim();
  const [known, tex] = formulas[id] ?? [];
  if (known !== text || tex === undefined) {
    throw new Error(
      `examples/site/book/formulas.ts, ${id}: expected the text of the docs, "${text}", got "${known}"; change the text and the formula there`,
    );
  }
  const note = claims ? `<span class="claims">${withClaims(claims)}</span>` : "";
  return {
    id,
    html: `<div class="equation" id="${id}"><a class="number" href="#${id}">(${id})</a><div class="tex">${escapeHtml(tex)}</div>${note}</div>`,
  };
}

/** The content of the page that a file becomes, as HTML with formulas and figures still to be filled in. */
export function chapterHtml(file: string): string {
  const places = figures[file] ?? {};
  const placed = new Set<string>();
  /** The figure that stands behind a place, if there is one. */
  const figureAt = (place: string): string => {
    const name = places[place];
    if (name === undefined) return "";
    placed.add(place);
    return `<!-- figure ${name} -->\n`;
  };
  let waiting = "";
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading) {
        const html = `<h${depth} id="${slug(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
        // The figure stands behind the first paragraph below the heading.
        waiting = figureAt(text);
        return html;
      },
      paragraph({ tokens }: Tokens.Paragraph) {
        const html = `<p>${this.parser.parseInline(tokens)}</p>\n${waiting}`;
        waiting = "";
        return html;
      },
      code({ text }: Tokens.Code) {
        let html = "";
        let plain: string[] = [];
        const flush = () => {
          const kept = plain.join("\n").replace(/^\n+|\s+$/g, "");
          if (kept) html += `<pre tabindex="0"><code>${escapeHtml(kept)}</code></pre>\n`;
          plain = [];
        };
        for (const line of text.split("\n")) {
          const found = equationHtml(line);
          if (!found) {
            plain.push(line);
            continue;
          }
          flush();
          html += `${found.html}\n${figureAt(found.id)}`;
        }
        flush();
        return html;
      },
      codespan({ text }: Tokens.Codespan) {
        const source = sourceOf(text);
        const html = `<code>${escapeHtml(text)}</code>`;
        return source ? `<a href="${escapeHtml(source)}">${html}</a>` : html;
      },
      link({ href, tokens }: Tokens.Link) {
        return `<a href="${escapeHtml(target(file, href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }: Tokens.Image) {
        return `<img src="../../${normalize(join(file, "..", href))}" alt="${escapeHtml(text)}">`;
      },
      text(token: Tokens.Text | Tokens.Escape) {
        if ("tokens" in token && token.tokens) return this.parser.parseInline(token.tokens);
        return withClaims(escapeHtml(unescaped(token.text)));
      },
      tablecell(token: Tokens.TableCell) {
        const content = this.parser.parseInline(token.tokens);
        const tag = token.header && content ? "th" : "td";
        const id = /^[A-Z]\d+$/.test(token.text) && chapters[file] === "claims" ? ` id="${token.text}"` : "";
        return `<${tag}${id}${tag === "th" ? ' scope="col"' : ""}>${content}</${tag}>`;
      },
    },
  });
  const html = marked.parse(readFileSync(join(root, file), "utf8"), { async: false });
  for (const place of Object.keys(places)) {
    if (placed.has(place)) continue;
    throw new Error(
      `${file}: expected "${place}", where a figure stands, got a file without it; move the figure`,
    );
  }
  return html
    .replaceAll("<table>", '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>')
    .replaceAll("</table>", "</table></div>");
}

/** Marked gives some texts with entities and some without. */
const unescaped = (text: string): string =>
  text
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, "&");
