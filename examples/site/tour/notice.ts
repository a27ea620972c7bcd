/** Trains a small network twice, plainly and under COMET, when the reader says so. */
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { percent, short } from "../number.js";
import { showFacts } from "./figure.js";
import { trained } from "./run.js";

const MiB = 2 ** 20;
const steps = 60;

interface Course {
  store: "plain" | "comet";
  colour: string;
  losses: number[];
  savedBytes: number;
  accuracy: number;
  weights: string;
}

const course = (store: Course["store"], colour: string): Course => ({
  ...{ store, colour, losses: [], savedBytes: 0 },
  ...{ accuracy: Number.NaN, weights: "" },
});

async function run(one: Course): Promise<void> {
  const settings = { model: "lenet", steps, epochs: 1, memory: "64MiB", threads: 1, store: one.store };
  await trained(settings, null, (news) => {
    if (news.kind === "record" && news.record.kind === "step") {
      one.losses.push(news.record.loss);
      one.savedBytes = Math.max(one.savedBytes, news.record.savedPeakBytes);
    } else if (news.kind === "end") {
      one.accuracy = news.testAccuracy;
      one.weights = news.weights;
    }
  });
}

export function noticeFigure(): void {
  const figure = find("#figure-notice");
  const button = find<HTMLButtonElement>("button", figure);
  const box = find("[data-plot]", figure);
  let courses: Course[] = [];
  const show = async (): Promise<void> => {
    if (!courses.some(({ losses }) => losses.length > 1)) return;
    await draw(box, "Loss by step of a plain run and a COMET run", (Plot, width) => ({
      height: Math.max(220, Math.min(300, width * 0.42)),
      x: { ...across("step"), domain: [1, steps] },
      y: { label: "loss", grid: true, zero: true },
      marks: courses.map(({ losses, colour }, i) =>
        Plot.lineY(losses, {
          x: (_: number, at: number) => at + 1,
          stroke: colour,
          strokeWidth: i === 0 ? 5 : 2,
        }),
      ),
    }));
    showFacts(
      find("dl", figure),
      courses.flatMap(({ store, savedBytes, accuracy, losses }): [string, string][] => [
        [`${store}: loss of step ${losses.length}`, short(losses.at(-1) ?? Number.NaN)],
        [`${store}: saved at most`, `${short(savedBytes / MiB)} MiB`],
        ...(Number.isNaN(accuracy)
          ? []
          : [[`${store}: test accuracy`, percent(accuracy)] as [string, string]]),
      ]),
    );
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    courses = [course("plain", "var(--run-1)"), course("comet", "var(--run-2)")];
    const drawing = setInterval(() => void show(), 700);
    try {
      await Promise.all(courses.map(run));
      await show();
      figure.dataset.weights = courses.map(({ weights }) => weights).join(" ");
    } catch (cause) {
      box.textContent = String(cause);
    } finally {
      clearInterval(drawing);
      button.disabled = false;
    }
  });
}
