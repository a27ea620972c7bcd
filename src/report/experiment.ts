/** The page of an experiment: the paper's claim beside what was measured, in words, tables and figures. */
import { formatBytes } from "../device/ledger.js";
import type { ResultTable } from "../experiments/answer.js";
import type { Result, ResultRun } from "../experiments/result.js";
import { documentHtml, type Section, table } from "./document.js";
import { escapeHtml as html } from "./escape.js";
import { drawFigure } from "./figures/draw.js";

export const sources: Readonly<Record<Result["claim"]["source"], string>> = {
  abstract: "read in the abstract",
  code: "read in the published code",
  recalled: "as recalled; it was remembered, not read, and may be wrong in details",
  none: "the paper claims nothing here; the comparison is ours",
};

/** The whole page as text. It loads nothing and has no script. */
export function experimentHtml(result: Result): string {
  const { name, question, scale, data, notices } = result;
  return documentHtml({
    title: question,
    about: `Experiment ${name} at scale ${scale}, on ${data.name}.`,
    notices,
    sections: [claim, tables, figures, runs, measurements, origin]
      .map((part) => part(result))
      .filter(({ body }) => body !== ""),
    data: { runs: [], stride: 1, horizon: 1 },
    libraries: [],
    client: "",
  });
}

const paragraphs = (sentences: readonly string[]): string =>
  sentences.map((sentence) => `<p>${html(sentence)}</p>`).join("\n");

const claim = ({ claim, words, difference }: Result): Section => ({
  id: "claim",
  title: "Claim and measurement",
  body:
    `<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">The paper’s claim<small>${html(sources[claim.source])}</small></th><th scope="col">Measured here</th></tr></thead>` +
    `<tbody><tr><td>${html(claim.text)}</td><td>${words.length > 0 ? paragraphs(words) : "Nothing yet."}</td></tr></tbody></table></div>\n` +
    `<h3>Where they differ, and why</h3>\n${paragraphs([difference])}`,
});

const tableOf = ({ title, head, rows, note }: ResultTable): string =>
  `${table(title, head, rows)}${note ? `\n<p class="quiet">${html(note)}</p>` : ""}`;

const tables = ({ tables: all }: Result): Section => ({
  id: "tables",
  title: "Tables",
  body: all.map(tableOf).join("\n"),
});

/** The variants in their order, which is that of their colours. */
const labelsOf = (runs: readonly ResultRun[]): string[] => [...new Set(runs.map(({ label }) => label))];

const figures = ({ figures: all, name, runs }: Result): Section => ({
  id: "figures",
  title: "Figures",
  body: all
    .map(
      (each) =>
        `<figure id="figure-${each.name}">\n${drawFigure(each, labelsOf(runs))}\n<figcaption>${html(each.caption)} Data: ${html(name)}/${html(each.name)}.csv.</figcaption></figure>`,
    )
    .join("\n"),
});

function runRow(run: ResultRun): string[] {
  const { label, seed, status, steps, testAccuracy, weights, commits, codes, processors, threads } = run;
  return [
    label,
    String(seed),
    status,
    String(steps),
    testAccuracy === null ? "–" : `${(100 * testAccuracy).toFixed(2)} %`,
    weights === null ? "–" : weights.slice(0, 16),
    codes.length === 0 ? "–" : `${codes.join(", ")}${commits.length > 0 ? ` (${commits.join(", ")})` : ""}`,
    processors === null ? "not recorded" : processors.join(", "),
    threads === null ? "–" : String(threads),
  ];
}

const runs = ({ runs: all }: Result): Section => ({
  id: "runs",
  title: "Runs",
  body:
    all.length === 0
      ? ""
      : tableOf({
          title: "Every run; equal code and settings give equal weights on any machine",
          head: [
            "",
            "seed",
            "status",
            "steps",
            "test accuracy",
            "weights, SHA-256",
            "code (commit)",
            "processor",
            "threads",
          ],
          rows: all.map(runRow),
        }),
});

const machineText = ({ processor, cores, memoryBytes, system, node }: Result["machine"]): string =>
  `${processor}, ${cores} cores, ${formatBytes(memoryBytes)}, ${system}, Node ${node}`;

const measurements = ({ measurements: all }: Result): Section => ({
  id: "measurements",
  title: "Measurements",
  body:
    all.length === 0
      ? ""
      : tableOf({
          title: "Every measurement; nothing else of the same command ran beside it",
          head: ["", "command", "machine", "code (commit)", "measured"],
          rows: all.map(({ label, command, machine, code, commit, written }) => [
            label,
            `comet ${command.join(" ")}`,
            machine ? machineText(machine) : "–",
            code === null ? "–" : `${code}${commit ? ` (${commit})` : ""}`,
            written ?? "not yet",
          ]),
        }),
});

function origin({ machine, code, command, written, data, seeds, settings }: Result): Section {
  const rows: [string, string][] = [
    ["command", command],
    ["written", written],
    ["code, commit", `${code.code}, ${code.commit ?? "unknown"}`],
    ["machine that wrote this page", machineText(machine)],
    ["data", `${data.name} (${data.source}), SHA-256 ${data.hash}`],
    ["seeds", seeds.join(", ") || "–"],
    ["settings of all runs, beside the defaults", JSON.stringify(settings)],
  ];
  return {
    id: "origin",
    title: "Origin",
    body: tableOf({ title: "What is needed to repeat this", head: ["", ""], rows }),
  };
}
