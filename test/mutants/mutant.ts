/** A plausible slip, as a piece of compiled text that occurs once and what replaces it. */
export interface Mutant {
  /** Below dist/src, without .js. */
  file: string;
  fault: string;
  from: string;
  to: string;
}

export const of = (file: string, faults: [fault: string, from: string, to: string][]): Mutant[] =>
  faults.map(([fault, from, to]) => ({ file, fault, from, to }));
