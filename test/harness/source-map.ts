/** Reads a source map: which place in which source each piece of the code comes from. */

/** Where a piece of the bundle comes from. */
export interface CodeOrigin {
  readonly offset: number;
  readonly file: string;
  /** Both from 0. */
  readonly line: number;
  readonly column: number;
}
/** Offset of each line's first character. */
export function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * The mappings of ECMA-426: lines between semicolons, segments between commas, each some differences in base 64 VLQ:
 * column, source, line and column there.
 * @param starts of the lines of the code that the map is for
 */
export function decodeMap(
  { mappings, sources }: { mappings: string; sources: string[] },
  starts: number[],
): CodeOrigin[] {
  const origins: CodeOrigin[] = [];
  let [source, line, column] = [0, 0, 0];
  for (const [row, group] of mappings.split(";").entries()) {
    let at = 0;
    for (const segment of group.split(",").filter((text) => text !== "")) {
      const values = decodeVlq(segment);
      at += values[0]!;
      if (values.length < 4) continue;
      source += values[1]!;
      line += values[2]!;
      column += values[3]!;
      origins.push({ offset: starts[row]! + at, file: sources[source]!, line, column });
    }
  }
  return origins;
}

function decodeVlq(text: string): number[] {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const letter of text) {
    const digit = BASE64.indexOf(letter);
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    values.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return values;
}
