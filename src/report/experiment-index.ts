/** All results of a folder on one page: each question with the claim, what was measured, and a link to its own page. */
import type { Result } from "../experiments/result.js";
import { documentHtml } from "./document.js";
import { escapeHtml as html } from "./escape.js";
import { sources } from "./experiment.js";

/** What the page needs of a result. */
export type Indexed = Pick<Result, "name" | "question" | "scale" | "claim" | "words" | "notices">;

/** The whole page as text. It links to NAME.html beside itself. */
export function indexHtml(results: readonly Indexed[]): string {
  return documentHtml({
    title: "The paper’s questions",
    about: `${results.length} experiments by comet-ts, each claim beside what was measured.`,
    notices: results.some(({ scale }) => scale === "smoke")
      ? ["Scale smoke shows that the experiments run. It is no evidence for or against the paper."]
      : [],
    sections: results.map(({ name, question, scale, claim, words, notices }) => ({
      id: name,
      title: html(question),
      body:
        `<p class="quiet">Scale ${scale}. <a href="${html(name)}.html">Tables and figures</a></p>\n` +
        `<p><strong>Claim</strong> (${html(sources[claim.source])}): ${html(claim.text)}</p>\n<ul>${[
          ...notices,
          ...words,
        ]
          .map((sentence) => `<li>${html(sentence)}</li>`)
          .join("")}</ul>`,
    })),
    data: { runs: [], stride: 1, horizon: 1 },
    libraries: [],
    client: "",
  });
}
