/**
 * Zero-value coding.
 *
 *   | mask, 8 bytes, lowest bit first | bytes that are not 0 |  mask | …      for each 64 bytes
 */
export function zvcBytes(q: Uint8Array): number {
  let bytes = 8 * Math.ceil(q.length / 64);
  for (let i = 0; i < q.length; i++) if (q[i] !== 0) bytes++;
  return bytes;
}

export function zvcPack(packed: Uint8Array, q: Uint8Array): void {
  let to = 0;
  for (let start = 0; start < q.length; start += 64) {
    const mask = to;
    packed.fill(0, mask, mask + 8);
    to += 8;
    for (let i = 0; i < 64 && start + i < q.length; i++) {
      if (q[start + i] === 0) continue;
      packed[mask + (i >> 3)]! |= 1 << (i & 7);
      packed[to++] = q[start + i]!;
    }
  }
}

export function zvcUnpack(q: Uint8Array, packed: Uint8Array): void {
  let from = 0;
  for (let start = 0; start < q.length; start += 64) {
    const mask = from;
    from += 8;
    for (let i = 0; i < 64 && start + i < q.length; i++) {
      const set = ((packed[mask + (i >> 3)] ?? 0) >> (i & 7)) & 1;
      q[start + i] = set ? (packed[from++] ?? 0) : 0;
    }
  }
}
