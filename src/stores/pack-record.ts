/** What became of one saved tensor, for records: its bytes before and after, and whether convolutions need it. */
import type { PackedKind, SaveRequest } from "../engine/packed.js";
import type { PackEvent } from "../engine/store.js";

export interface PackRecord {
  kind: PackedKind;
  /** The first site that saved it, or a tensor that is made from it. */
  site: string;
  /** Whether a convolution saved it. */
  conv: boolean;
  /** Whether a convolution saved it, or a tensor that is made from it. */
  servesConv: boolean;
  /** Null where the values are exact, or where no bound is promised. */
  bound: number | null;
  /** The bytes of the values; 0 where ops saved only other tensors that are made from it. */
  rawBytes: number;
  packedBytes: number;
}

export function packRecord({ packed, requests, rawBytes }: PackEvent): PackRecord {
  const own = requests.filter(({ derived }) => !derived);
  return {
    kind: packed.kind,
    site: (own[0] ?? requests[0]!).site.name,
    conv: savedByConvolution(own),
    servesConv: savedByConvolution(requests),
    bound: packed.bounded?.bound ?? null,
    rawBytes: own.length > 0 ? rawBytes : 0,
    packedBytes: packed.bytes,
  };
}

const savedByConvolution = (requests: readonly SaveRequest[]): boolean =>
  requests.some(({ site, need }) => site.op === "conv2d" && need === "value");
