/**
 * What all pages share, written when the site is built: head, policy, navigation and formulas. The file of a page has
 * only what is its own:
 *
 *   <title>Law bench</title>  <main> … <span class="tex">\sigma^2</span> … </main>  <script type="module" src="…">
 */
import { readFileSync } from "node:fs";
import katex from "katex";
import { chapterHtml } from "./book/chapter.js";
import { inNavigation, type Page, pages } from "./pages.js";

/**
 * A page loads its own site alone. Scripts and styles are files: none is a part of the document, and no text is run as
 * code. WebAssembly, which the codec and the kernels are, needs the one exception.
 */
export const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const texts: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

/** A formula as MathML, which needs neither a style sheet nor fonts of its own. */
export const formula = (tex: string, display: boolean): string =>
  katex
    .renderToString(
      tex.replace(/&(?:lt|gt|amp);/g, (entity) => texts[entity]!),
      { output: "mathml", displayMode: display, throwOnError: true, strict: "error" },
    )
    .replace(/<annotation[\s\S]*?<\/annotation>/g, "");

const withFormulas = (html: string): string =>
  html.replace(/<(span|div) class="tex">([\s\S]*?)<\/\1>/g, (_, tag: string, tex: string) =>
    tag === "div"
      ? `<div class="tex" tabindex="0" role="group" aria-label="Formula">${formula(tex, true)}</div>`
      : formula(tex, false),
  );

/** Puts in what stands in files of its own: chapters of the book, and figures that several pages have. */
const withParts = (html: string): string =>
  html
    .replace(/<!-- chapter (\S+) -->/g, (_, file: string) => chapterHtml(file))
    .replace(/<!-- figure (\w+) -->/g, (_, figure: string) =>
      readFileSync(new URL(`../../../examples/site/tour/${figure}.html`, import.meta.url), "utf8"),
    );

/** The link that stands for a page in the navigation: its own, or that of the page above it. */
const standing = (name: string): string =>
  (pages as readonly Page[]).find((page) => page.name === name)?.within ?? name;

const navigation = (current: string): string =>
  inNavigation
    .map(({ name, link }) => {
      const here =
        name === current ? ' aria-current="page"' : name === standing(current) ? ' aria-current="true"' : "";
      return `<li><a href="./${name}.html"${here}>${link}</a></li>`;
    })
    .join("");

/** The whole document of a page's file. `name` is the page's, for the navigation. */
export function documentOf(name: string, file: string): string {
  const title = /<title>([\s\S]*?)<\/title>/.exec(file)?.[1] ?? "comet-ts";
  const body = withFormulas(
    withParts(file)
      .replace(/<!doctype html>|<title>[\s\S]*?<\/title>/gi, "")
      .trim(),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="comet-ts ${version}">
<title>${title} · comet-ts</title>
<link rel="icon" href="./icon.svg">
<link rel="stylesheet" href="./report-style.css">
<link rel="stylesheet" href="./style.css">
<script type="module" src="../../dist/examples/site/shell.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="./index.html">comet-ts</a>
<nav aria-label="Pages"><ul>${navigation(name)}</ul></nav>
</header>
${body.replace("<main>", '<main id="main" tabindex="-1">')}
<footer>
<p>comet-ts computes the figures on these pages in this browser, and nothing leaves this machine. Numbers within the text
of the book come from earlier runs of the commands that the text names.</p>
<p>The images are a part of Fashion-MNIST (MIT licence, Zalando SE; <a href="./data/LICENSE">its text</a>).</p>
<noscript><p class="notice">The figures are drawn and computed by scripts, which are switched off here.</p></noscript>
</footer>
</body>
</html>
`;
}
