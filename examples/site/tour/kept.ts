/** What lies on the device during one step of a ResNet-8, plainly and under COMET. */
import type { Bytes } from "../../../src/device/ledger.js";
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { short } from "../number.js";
import { live, showFacts } from "./figure.js";
import { sampleFiles, trained } from "./run.js";

const MiB = 2 ** 20;

/** The device's bytes after each allocation of a step. */
async function timelineOf(store: "plain" | "comet"): Promise<Bytes[]> {
  let timeline: Bytes[] = [];
  const settings = { model: "resnet8", batch: 4, steps: 1, epochs: 1, memory: "64MiB", threads: 1, store };
  await trained(settings, await sampleFiles(), (news) => {
    if (news.kind === "record" && news.record.kind === "memory") timeline = news.record.timeline;
  });
  return timeline;
}

let measured: Promise<[plain: Bytes[], comet: Bytes[]]> | null = null;

const largest = (timeline: readonly Bytes[], of: (bytes: Bytes) => number): number =>
  timeline.reduce((most, bytes) => Math.max(most, of(bytes)), 0);

export function keptFigure(): void {
  live("#figure-kept", async (figure) => {
    measured ??= Promise.all([timelineOf("plain"), timelineOf("comet")]);
    const timelines = await measured;
    const most = largest(timelines.flat(), ({ saved }) => saved) / MiB;
    const boxes = [...figure.querySelectorAll<HTMLElement>("[data-plot]")];
    for (const [i, timeline] of timelines.entries()) {
      const points = timeline.map(({ saved }, at) => ({ at: at / timeline.length, mebibytes: saved / MiB }));
      await draw(boxes[i]!, `Saved bytes during one step, ${i === 0 ? "plain" : "COMET"}`, (Plot) => ({
        height: 190,
        x: { ...across("forward, then backward"), ticks: 0 },
        y: { label: "MiB saved", grid: true, domain: [0, most] },
        marks: [
          Plot.areaY(points, { x: "at", y1: 0, y2: "mebibytes", fill: "var(--saved)", fillOpacity: 0.75 }),
          Plot.ruleY([0]),
        ],
      }));
    }
    const weights = timelines[0].at(-1)!.parameters;
    const [plain, comet] = timelines.map((timeline) => largest(timeline, ({ saved }) => saved)) as [
      number,
      number,
    ];
    showFacts(find("dl", figure), [
      ["weights", `${short(weights / MiB)} MiB`],
      ["saved, plain", `${short(plain / MiB)} MiB`],
      ["saved, COMET", `${short(comet / MiB)} MiB`],
    ]);
  });
}
