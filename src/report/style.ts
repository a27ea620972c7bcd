/**
 * The page's style. Colours are custom properties that the plots use as well, so one page works in light and
 * dark mode and on paper. The series colours follow Okabe and Ito and can be distinguished with every common
 * form of colour blindness.
 */

const light = `
  color-scheme: light;
  --paper: #ffffff; --ink: #1b1f24; --quiet: #59636e; --line: #d5dae0; --panel: #f5f7f9; --notice: #fff4d6;
  --run-1: #0072b2; --run-2: #d55e00; --run-3: #009e73; --run-4: #aa4499; --run-5: #b58900; --run-6: #4a4a9c;
  --parameters: #7a8794; --optimiser: #a9b2bc; --gradients: #cfa64a; --saved: #c2355c; --activations: #56a7d8; --workspace: #84bfa3;`;

const dark = `
  color-scheme: dark;
  --paper: #14171b; --ink: #e6e9ed; --quiet: #a0a9b4; --line: #39414b; --panel: #1d2228; --notice: #3a3014;
  --run-1: #56b4e9; --run-2: #f08a3c; --run-3: #2cc295; --run-4: #d98ac6; --run-5: #e6c229; --run-6: #9a9af0;
  --parameters: #7f8b98; --optimiser: #56606b; --gradients: #b9933f; --saved: #e0567c; --activations: #3d86b5; --workspace: #4f8f72;`;

/** The custom properties of both, for images outside a page. */
export const themes = { light, dark } as const;

/** The colours, which the pages of the site have too. */
export const colours = `
:root {${light}
}
@media screen and (prefers-color-scheme: dark) { :root {${dark}
} }
`;

/** The rules of what the figures are made of, for the report and for the site's page of reports. */
export const figureStyle = `
.key { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px; margin-right: 0.4em; }
.panels { display: grid; gap: 1rem 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.panels.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
.panels > *, .plots { min-width: 0; }
.plots figure { margin: 0; }
.legend { margin-bottom: 0.8rem; }
.maps { display: grid; gap: 0.4rem; grid-template-columns: repeat(3, minmax(0, 13rem)); margin-bottom: 0.9rem; }
.plots span.quiet, .maps span { font-size: 0.8rem; color: var(--quiet); display: block; overflow-wrap: anywhere; }
.failed { background: var(--notice); padding: 0.5rem 0.8rem; }
.chart { --plot-background: var(--paper); background: none; color: var(--ink); font-family: inherit; font-size: 12px;
  overflow: visible; max-width: 100%; height: auto; }
.chart-swatches { font: inherit; font-size: 0.85rem; margin-bottom: 0.5rem; }
`;

export const style = `${colours}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 4rem; max-width: 76rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 0.6rem; padding-top: 0.7rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 0.5rem; }
h4 { font-size: 0.875rem; font-weight: 600; margin: 0 0 0.25rem; }
p { max-width: 46rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; list-style: none; margin: 1rem 0; padding: 0; }
a { color: var(--run-1); }
.quiet, figcaption { color: var(--quiet); }
.notice { background: var(--notice); border-radius: 6px; padding: 0.6rem 0.9rem; margin: 0.8rem 0; max-width: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin-bottom: 1.2rem; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
caption { text-align: left; color: var(--quiet); padding-bottom: 0.4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 1.1rem 0.35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th small { display: block; font-weight: 400; color: var(--quiet); max-width: 24rem; }
td.number, th.number { text-align: right; }
td.hash { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 0.82rem; overflow-wrap: anywhere; }
figure { margin: 1.4rem 0 2.2rem; }
figcaption { font-size: 0.9rem; max-width: 46rem; margin-top: 0.4rem; }
details { margin: 0.5rem 0 1rem; }
summary { cursor: pointer; color: var(--quiet); }
${figureStyle}
@media print {
  body { font-size: 11pt; max-width: none; padding: 0; }
  nav { display: none; }
  figure, tr, .panels > * { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`;
