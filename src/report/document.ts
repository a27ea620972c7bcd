/** What all pages have in common: a document that loads nothing, its sections, figures and tables. */
import { escapeHtml as html, scriptBody, scriptJson } from "./escape.js";
import type { PageData } from "./series.js";
import { style } from "./style.js";

export interface Script {
  /** The licence notice that must accompany the code. */
  licence: string;
  code: string;
}

export interface Section {
  id: string;
  title: string;
  body: string;
}

interface Content {
  title: string;
  /** One sentence or two below the title. */
  about: string;
  /** Caveats, as sentences. */
  notices: readonly string[];
  sections: readonly Section[];
  data: PageData;
  libraries: readonly Script[];
  /** The script that draws the figures. */
  client: string;
}

export function documentHtml({ title, about, notices, sections, data, libraries, client }: Content): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>${html(title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${html(title)}</h1>
<p class="quiet">${html(about)}</p>
${notices.map((notice) => `<p class="notice" role="note">${html(notice)}</p>`).join("\n")}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`).join("")}</ul></nav>
</header>
<main>
${sections.map(({ id, title, body }) => `<section id="${id}" aria-labelledby="${id}-title">\n<h2 id="${id}-title">${title}</h2>\n${body}\n</section>`).join("\n")}
</main>
<noscript><p class="notice">The plots are drawn by the script in this page; the tables need none.</p></noscript>
<script type="application/json" id="data">${scriptJson(data)}</script>
${libraries.map(({ licence, code }) => `<script>\n/*\n${licence.trim()}\n*/\n${scriptBody(code)}</script>`).join("\n")}
<script type="module">
${scriptBody(client)}</script>
</body>
</html>
`;
}

export const figure = (name: string, title: string, caption: string, after = ""): string =>
  `<figure id="figure-${name}" aria-labelledby="figure-${name}-title">
<h3 id="figure-${name}-title">${title}</h3>
<div class="plots" data-figure="${name}"></div>
<figcaption>${caption}</figcaption>
${after}</figure>`;

/** A table whose first column names the rows. */
export const table = (
  caption: string,
  head: readonly string[],
  body: readonly (readonly string[])[],
): string =>
  `<div class="scroll" tabindex="0"><table><caption>${html(caption)}</caption><thead><tr>${head.map((cell, i) => `<th scope="col"${i > 0 ? ' class="number"' : ""}>${html(cell)}</th>`).join("")}</tr></thead><tbody>
${body.map(([first, ...rest]) => `<tr><th scope="row">${html(first!)}</th>${rest.map((cell) => `<td class="number">${html(cell)}</td>`).join("")}</tr>`).join("\n")}
</tbody></table></div>`;

/** A table that is closed until the reader opens it: the numbers of the figure above it. */
export const foldedTable = (...[caption, head, body]: Parameters<typeof table>): string =>
  `<details><summary>${html(caption)}</summary>
${table(caption, head, body)}</details>`;
