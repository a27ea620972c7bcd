/** A part of a file that compress reads: bytes that stay as they are, or a tensor. */
export type Piece =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "skip"; length: number }
  | { kind: "tensor"; name: string; shape: number[]; values: Values };

/** How a tensor's values lie in the file. */
export interface Values {
  /** Of one value. */
  bytes: number;
  floats(raw: Uint8Array): Float32Array;
}
