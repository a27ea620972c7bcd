/** The parts of a file that compress reads: bytes to keep, and tensors to encode. */
export type Piece =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "skip"; length: number }
  | { kind: "tensor"; name: string; shape: number[]; values: Values };

/** How the values of a tensor are stored in the file. */
export interface Values {
  /** The size of one value. */
  bytes: number;
  floats(raw: Uint8Array): Float32Array;
}
