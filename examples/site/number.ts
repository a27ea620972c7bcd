/** Numbers as texts. */

/** Three or four digits, with an exponent where the number is far from 1. */
export function short(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "∞");
  if (value === 0) return Object.is(value, -0) ? "−0" : "0";
  const size = Math.abs(value);
  const text =
    size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(digits))) : value.toExponential(digits - 1);
  return text.replace("-", "−").replace("e−", "e−").replace("e+", "e");
}

export const percent = (share: number): string => `${short(100 * share)} %`;

export const whole = (value: number): string => value.toLocaleString("en");

/** An amount of bytes in the unit that suits it. */
export function bytes(value: number): string {
  if (value < 1024) return `${value} bytes`;
  return value < 2 ** 20 ? `${short(value / 1024)} KiB` : `${short(value / 2 ** 20)} MiB`;
}

export const milliseconds = (value: number): string => `${short(value, 2)} ms`;
