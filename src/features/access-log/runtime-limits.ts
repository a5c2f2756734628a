/** How much of each text a line has at most, in bytes; what is longer ends in an escaped "…". Build and device agree on it. */
export const METHOD_BYTES = 32;
export const HOST_BYTES = 255;
export const PATH_BYTES = 512;
export const QUERY_BYTES = 512;
export const FIELD_BYTES = 256;
export const REASON_BYTES = 64;
export const ID_BYTES = 128;
/** The mark where a text was cut. */
export const MARK_BYTES = 6;
/** Everything that stands in a line whatever it is about: keys, numbers, an address, punctuation. */
export const FIXED_BYTES = 768;
/** All lines that wait, for the journal or the next tick. */
export const BUFFER_BYTES = 64 * 1024;
