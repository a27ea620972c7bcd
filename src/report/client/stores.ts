/** A comparison of stores: the bytes that each saves against its gradient noise, and the noise of each layer. */
import type * as PlotModule from "@observablehq/plot";
import { greatestOf } from "./extremes.js";
import { across, byteUnit, comparison, frame, logarithmic, scientific } from "./frame.js";

declare const Plot: typeof PlotModule;

const storeColours = () => ({
  domain: comparison!.stores.map(({ store }) => store),
  range: comparison!.stores.map((_, i) => `var(--run-${(i % 6) + 1})`),
  legend: true,
});

/** Every store a curve; the position of its knob that the table shows is a full dot. */
export function pareto(box: HTMLElement): void {
  const { stores } = comparison!;
  const points = stores.flatMap(({ store, curve, knob }) =>
    curve.map((point) => ({
      ...point,
      store,
      chosen: point.knob?.value === knob?.value,
      turned: point.knob ? `${point.knob.setting} ${point.knob.value}` : "no knob",
    })),
  );
  const unit = byteUnit(greatestOf(points.map(({ savedBytes }) => savedBytes)));
  const bytes = ({ savedBytes }: { savedBytes: number }) => savedBytes / unit.bytes;
  const noisy = points.filter(({ noise }) => noise > 0);
  const exact = points.filter(({ noise }) => noise === 0);
  const title = ({ store, turned, noise, savedBytes }: (typeof points)[0]) =>
    `${store}, ${turned}\nnoise ${noise.toExponential(2)}\n${(savedBytes / unit.bytes).toPrecision(4)} ${unit.name} an image`;
  const width = Math.min(box.clientWidth, 760);
  box.append(
    Plot.plot({
      ...frame("Saved bytes an image against total relative gradient noise, a curve for each store"),
      width,
      height: Math.max(300, width * 0.6),
      marginLeft: 60,
      grid: true,
      x: {
        ...logarithmic(points.map(bytes), (value) => String(value)),
        ...across(`saved ${unit.name} an image`),
      },
      y: {
        ...(noisy.length > 0
          ? logarithmic(
              noisy.map(({ noise }) => noise),
              scientific,
            )
          : { domain: [0, 1] }),
        label: "gradient noise",
      },
      color: storeColours(),
      marks: [
        Plot.ruleX(exact, { x: bytes, stroke: "store", strokeDasharray: "4 3", title, tip: true }),
        Plot.line(noisy, { x: bytes, y: "noise", z: "store", stroke: "store" }),
        Plot.dot(noisy, { x: bytes, y: "noise", stroke: "store", r: 4, title, tip: true }),
        Plot.dot(
          noisy.filter(({ chosen }) => chosen),
          { x: bytes, y: "noise", fill: "store", r: 5 },
        ),
      ],
    }),
  );
}

/** Root mean square of each layer's exact gradient ÷ that of its error. */
export function signalToNoise(box: HTMLElement): void {
  const dots = comparison!.stores.flatMap(({ store, layers }) =>
    layers
      .filter(({ error, gradient }) => error > 0 && gradient > 0)
      .map(({ parameter, error, gradient }) => ({ store, parameter, ratio: gradient / error })),
  );
  const names = [...new Set(dots.map(({ parameter }) => parameter))];
  const longest = greatestOf(names.map((name) => name.length));
  box.append(
    Plot.plot({
      ...frame("Signal to noise of each parameter's gradient, for each store"),
      width: Math.min(box.clientWidth, 760),
      height: 70 + 16 * names.length,
      marginLeft: Math.min(box.clientWidth * 0.45, 16 + 6.6 * longest),
      grid: true,
      x: {
        ...logarithmic(
          dots.map(({ ratio }) => ratio),
          (value) => String(value),
        ),
        ...across("signal ÷ noise"),
      },
      y: { label: null, domain: names },
      color: storeColours(),
      marks: [
        Plot.dot(dots, {
          x: "ratio",
          y: "parameter",
          stroke: "store",
          title: ({ store, parameter, ratio }) => `${parameter}, ${store}: ${ratio.toPrecision(3)}`,
          tip: true,
        }),
      ],
    }),
  );
}
