/**
 * The scripts that a report contains and the page of reports loads, in their order: d3, and Plot, which needs the global d3.
 * They are files of their own, so that the other pages' part of Plot stays small.
 */
export const reportLibraries = ["report-d3.js", "report-plot.js"] as const;

/** Loads them, once. */
export async function loadLibraries(): Promise<void> {
  for (const name of reportLibraries) {
    if (document.querySelector(`script[data-library="${name}"]`)) continue;
    const script = document.createElement("script");
    script.dataset.library = name;
    script.src = new URL(`assets/${name}`, document.baseURI).href;
    await new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name}: expected a file of the site; load the page again`));
      document.head.append(script);
    });
  }
}
