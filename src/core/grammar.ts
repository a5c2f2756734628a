/** Byte classes of RFC 9110 5.5 and 5.6.2, as tables: 1 where the byte belongs to the class. */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;

/** tchar: what names of fields, methods and options are made of. */
export const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, c) => (TOKEN.test(String.fromCharCode(c)) ? 1 : 0));

/** field-vchar, blanks and obs-text: what a value or a reason phrase may hold; no control byte but the tab. */
export const IS_FIELD_VALUE = Uint8Array.from({ length: 256 }, (_, c) =>
  c === 9 || (c >= 0x20 && c !== 0x7f) ? 1 : 0,
);
