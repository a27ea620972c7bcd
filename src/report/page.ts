/**
 * The page: its text, tables and empty figures. The script of client/ fills the figures from the page's data.
 */
import type { Run } from "../runs/run.js";
import { chapters } from "./chapters.js";
import { documentHtml, type Script, type Section } from "./document.js";
import { escapeHtml as html } from "./escape.js";
import { notes, settingsOf, statusText } from "./heading.js";
import type { PageData } from "./series.js";
import { summaryRows } from "./summary.js";

export function page(
  runs: readonly Run[],
  data: PageData,
  libraries: readonly Script[],
  client: string,
): string {
  const labels = data.runs.map(({ label }) => label);
  const { settings, data: dataset } = runs[0]!.manifest;
  const names = labels.length > 2 ? `${labels.length} runs` : labels.join(" and ");
  const title = `${settings.model} on ${dataset.name}: ${names}`;
  const sections = [summary(runs, data), ...chapters(data), repeat(runs, labels)];
  const { comet } = runs[0]!.manifest.versions;
  const recorded = `Everything it shows was recorded by the ${runs.length === 1 ? "run" : "runs"} named below.`;
  return documentHtml({
    title,
    about: `A report of comet-ts ${comet}. ${recorded}`,
    notices: notes(runs, labels),
    sections,
    data,
    libraries,
    client,
  });
}

function summary(runs: readonly Run[], { runs: data }: PageData): Section {
  const head = data
    .map(
      ({ label }, i) =>
        `<th scope="col"><span class="key" style="background:var(--run-${(i % 6) + 1})"></span>${html(label)}</th>`,
    )
    .join("");
  const rows = [
    { title: "Status", note: "", cells: runs.map(({ manifest }) => statusText(manifest)) },
    ...summaryRows(runs, data),
  ];
  const body = rows.map(
    ({ title, note, cells }) =>
      `<tr><th scope="row">${html(title)}${note ? `<small>${html(note)}</small>` : ""}</th>${cells.map((cell) => `<td>${html(cell ?? "–")}</td>`).join("")}</tr>`,
  );
  return {
    id: "summary",
    title: "Summary",
    body: `<div class="scroll" tabindex="0"><table><thead><tr><td></td>${head}</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table></div>`,
  };
}

/** The section with everything that is needed to repeat the runs. */
function repeat(runs: readonly Run[], labels: readonly string[]): Section {
  const manifests = runs.map(({ manifest }) => manifest);
  const head = ["", ...labels];
  const about: [string, ...string[]][] = [
    ["run", ...manifests.map(({ id }) => id)],
    ["started", ...manifests.map(({ started }) => started)],
    ["ended", ...manifests.map(({ ended }) => ended ?? "–")],
    [
      "data",
      ...manifests.map(
        ({ data }) =>
          `${data.name}: ${data.train.toLocaleString("en")} + ${data.test.toLocaleString("en")} images`,
      ),
    ],
    ["data hash", ...manifests.map(({ data }) => data.hash)],
    [
      "versions",
      ...manifests.map(
        ({ versions }) => `comet-ts ${versions.comet}, Node ${versions.node}, ${versions.arch}`,
      ),
    ],
    ["profile", ...manifests.map(({ profile }) => profile)],
    ["weights", ...manifests.map(({ weights }) => weights ?? "–")],
  ];
  const settings = settingsOf(manifests);
  const differing = settings.filter(({ differs }) => differs).map(({ name, values }) => [name, ...values]);
  const same = settings.filter(({ differs }) => !differs).map(({ name, values }) => [name, ...values]);
  return {
    id: "repeat",
    title: "What ran",
    body: [
      rows("Runs", head, about),
      ...(differing.length > 0 ? [rows("Settings that differ", head, differing)] : []),
      `<details><summary>${runs.length > 1 ? "Settings that agree" : "Settings"}</summary>\n${rows(runs.length > 1 ? "Settings that agree" : "Settings", head, same)}\n</details>`,
    ].join("\n"),
  };
}

const rows = (caption: string, head: readonly string[], body: readonly (readonly string[])[]): string =>
  `<div class="scroll" tabindex="0"><table><caption>${html(caption)}</caption><thead><tr>${head.map((cell) => (cell ? `<th scope="col">${html(cell)}</th>` : "<td></td>")).join("")}</tr></thead><tbody>
${body.map(([first, ...rest]) => `<tr><th scope="row">${html(first!)}</th>${rest.map((cell) => `<td class="hash">${html(cell)}</td>`).join("")}</tr>`).join("\n")}
</tbody></table></div>`;
