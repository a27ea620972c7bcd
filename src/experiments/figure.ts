/** Figures as plain data; the reports draw them, and a bundle keeps the data beside the drawing. */

interface Described {
  /** The name of its files. */
  name: string;
  title: string;
  caption: string;
}

/** Mean and spread of a quantity over steps, a band for each variant. */
export interface BandFigure extends Described {
  kind: "bands";
  x: string;
  y: string;
  bands: { label: string; points: BandPoint[] }[];
}

export interface BandPoint {
  x: number;
  mean: number;
  low: number;
  high: number;
}

/** One dot for each layer and series, on a logarithmic axis. */
export interface LayerFigure extends Described {
  kind: "layers";
  x: string;
  dots: { layer: string; series: string; value: number }[];
}

/** Bytes against what they cost; both axes may be logarithmic. */
export interface ParetoFigure extends Described {
  kind: "pareto";
  x: string;
  y: string;
  logX: boolean;
  logY: boolean;
  points: ParetoPoint[];
}

export interface ParetoPoint {
  series: string;
  x: number;
  y: number;
  /** The spread of y, where it is known. */
  low?: number;
  high?: number;
  label: string;
}

/** Bytes by category at one moment, a bar for each variant. */
export interface StackFigure extends Described {
  kind: "stack";
  bars: { label: string; category: string; bytes: number }[];
}

export type Figure = BandFigure | LayerFigure | ParetoFigure | StackFigure;
