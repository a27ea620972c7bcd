// Dense mode's part of the scratch: where rows, symbols and tables lie. What an encoder and a decoder need overlaps.

export const LANES: usize = 24576;

/** Two rows of columns, the one at hand and the one above it. */
export const ROWS: usize = 57856;
export const ROW_BYTES: usize = 33024;

/** The symbols above, at most 63 each, between eight zeros on either side. */
export const ABOVE: usize = 123912;

/** A segment's symbols under their contexts, and its low bits. Decoding, symbols alone, and those of a second segment. */
export const CODED: usize = 140416;
export const SYMBOLS: usize = 140416;
export const SECOND_SYMBOLS: usize = 206016;
export const LOWS: usize = 271616;

/** Decoding, before the low bits: contexts of a row of each of two segments, and what is above the second's. */
export const ROW_CONTEXTS: usize = 271616;
export const SECOND_CONTEXTS: usize = 304448;
export const SECOND_ABOVE: usize = 337288;

/** Encoding: words from the end down. Before that, working space of rows and counts. */
export const WORDS_END: usize = 468288;
export const TRUE_SYMBOLS: usize = 337216;
export const PADDED: usize = 370176;
/** While a plan is chosen, in place of most that is coded: four times the counts of all contexts' symbols. */
export const COUNTS: usize = 206016;

/** Symbols without a code; raw values: index, word. */
export const LARGE: usize = 468288;

/** What the encoder knows of every context's symbols, 8 bytes each; takes the place of the codes. */
export const ENTRIES: usize = 476480;
export const RAW: usize = 510208;

/** frequency | start << 16 of every context's symbols. */
export const CODES: usize = 492992;

/** The largest symbol with a code, of sixteen contexts. */
export const TOPS: usize = 510016;

/** The eight coders' states; decoding, two streams with theirs. */
export const STATES: usize = 510032;
export const STREAMS: usize = 510064;

/** Decoding: the parts of two segments. */
export const SEGMENTS: usize = 522496;

/** Decoding: the codes, and a word for each slot of each context. */
export const READ_CODES: usize = 238784;
export const SLOTS: usize = 378880;
export const MOST_RAW: u32 = 1024;
export const MOST_LARGE: u32 = 4096;

/** Decoding: addresses on their way out of vectors. */
export const SPOTS: usize = 522880;
