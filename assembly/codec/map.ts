// Dense mode's part of the scratch: where rows, symbols and tables lie. The areas of encoder and decoder
// overlap.

export const LANES: usize = 24576;

/** Two rows of columns: the current one and the one above it. */
export const ROWS: usize = 57856;
export const ROW_BYTES: usize = 33024;

/** The symbols of the row above, clamped to 63, with eight zeros on either side. */
export const ABOVE: usize = 123912;

/**
 * Encoding: a segment's coded symbols with contexts, and its low bits. Decoding: the symbols of one and of a
 * second segment.
 */
export const CODED: usize = 140416;
export const SYMBOLS: usize = 140416;
export const SECOND_SYMBOLS: usize = 206016;
export const LOWS: usize = 271616;

/**
 * Decoding, before the low bits: the contexts of a row of each of two segments, and the row above in the
 * second one.
 */
export const ROW_CONTEXTS: usize = 271616;
export const SECOND_CONTEXTS: usize = 304448;
export const SECOND_ABOVE: usize = 337288;

/**
 * Encoding: words are written from this address down. Before that, it is working space for rows and counts.
 */
export const WORDS_END: usize = 468288;
export const TRUE_SYMBOLS: usize = 337216;
export const PADDED: usize = 370176;
/** The symbols of a row with holes, and its holes: a byte a column, bit k for lane k. */
export const BRIDGED: usize = 370176;
export const ROW_HOLES: usize = 388096;
/** While a model is chosen: four tables of counts, in place of most of the coded data. */
export const COUNTS: usize = 206016;

/** Symbols without a code, 16 bits each. */
export const LARGE: usize = 468288;

/** The encoder's entries for every context's symbols, 8 bytes each; they overwrite the codes. */
export const ENTRIES: usize = 476480;
/** The raw values, 8 bytes each: index and word. Or a segment's mask, one bit a value, in the tensor's order. */
export const RAW: usize = 510208;
/** For an encoder's mask, after the rows: see mask.ts. */
export const EDGE_BITS: usize = 24576;

/** The entry of a hole, from ENTRIES on: it leaves a coder's state as it is. */
export const HOLE_ENTRY: u32 = 33024;

/** frequency | start << 16 for the symbols of every context. */
export const CODES: usize = 492992;

/** The largest symbol with a code, for each of the sixteen contexts. */
export const TOPS: usize = 510016;

/** The eight coders' states. Decoding: two streams with their states. */
export const STATES: usize = 510032;
export const STREAMS: usize = 510064;

/** Decoding: the addresses of the parts of two segments. */
export const SEGMENTS: usize = 522496;

/** Decoding: the codes, and a word for each slot of each context. */
export const READ_CODES: usize = 238784;
export const SLOTS: usize = 378880;
export const MOST_RAW: u32 = 1024;
export const MOST_LARGE: u32 = 4096;

/** Decoding: room through which addresses pass from vectors to scalars. */
export const SPOTS: usize = 522880;

/** Decoding a segment with a mask, without a second one: a row's holes, and its symbols for contexts. */
export const READ_ROW_HOLES: usize = 206016;
export const READ_BRIDGED: usize = 208128;
