// Sixteen accumulators in four vectors; see src/codec/checksum.ts. The lanes are kept in memory between
// calls.

// @inline
function step(lane: v128, word: v128): v128 {
  const sum = i32x4.add(lane, i32x4.mul(word, i32x4.splat(0x85ebca77)));
  const turned = v128.or(i32x4.shl(sum, 13), i32x4.shr_u(sum, 19));
  return i32x4.mul(turned, i32x4.splat(0x9e3779b1));
}

// @inline
export function mix(word: u32): u32 {
  let h = word;
  h = (h ^ (h >> 16)) * 0x7feb352d;
  h = (h ^ (h >> 15)) * 0x846ca68b;
  return h ^ (h >> 16);
}

export function checksumStart(lanes: usize): void {
  for (let k: u32 = 0; k < 16; k++) store<u32>(lanes + ((k as usize) << 2), mix(k + 1));
}

/**
 * Adds whole stripes of 64 bytes. An incomplete last stripe is padded with zeros, so only the last call may
 * have one.
 */
export function checksumAdd(lanes: usize, bytes: usize, length: usize): void {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  const whole = bytes + (length & ~63);
  let at = bytes;
  for (; at < whole; at += 64) {
    a = step(a, v128.load(at));
    b = step(b, v128.load(at, 16));
    c = step(c, v128.load(at, 32));
    d = step(d, v128.load(at, 48));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  const rest = length & 63;
  if (rest === 0) return;
  for (let k: usize = 0; k < 16; k++) {
    let word: u32 = 0;
    for (let j: usize = 0; j < 4; j++) {
      if (k * 4 + j < rest) word |= (load<u8>(at + k * 4 + j) as u32) << ((j as u32) * 8);
    }
    const sum = load<u32>(lanes + k * 4) + word * 0x85ebca77;
    store<u32>(lanes + k * 4, rotl(sum, 13) * 0x9e3779b1);
  }
}

export function checksumFold(lanes: usize, length: u32): u32 {
  let sum = length;
  for (let k: usize = 0; k < 16; k++) sum = mix(rotl(sum, 5) + load<u32>(lanes + k * 4));
  return sum;
}
