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
/**
 * What the kernel keeps of a service's lines when journald stands still, in that service's cgroup: systemd asks for 8 MiB
 * of buffer, and Linux doubles it; 16.8 MB seen (test/lab/log.test.ts). It stands still for 3 minutes at most, until its
 * watchdog ends it; by then not much more than a quarter of an hour's budget was written, in buffers that are
 * up to four times as large.
 */
export const JOURNAL_BYTES = 17 * 1024 * 1024;
