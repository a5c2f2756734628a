/**
 * A file that was read: its text, its value, and where each part of the value stands in the text. Passes name a part
 * by its path (`["routes", 3, "upstream"]`); `locate` answers with offsets in O(depth). Parts may come from another
 * file than the rest: from one that a target extends, or from a target's overrides.
 */

export type Path = readonly (string | number)[];

export interface TextFile {
  /** As the user named it. */
  readonly file: string;
  readonly text: string;
}

/** Where a value and its key stand, as half-open offsets into the text (UTF-16 code units). */
export interface Spot {
  readonly value: Range;
  /** Absent for list items and for the document itself. */
  readonly key?: Range;
  readonly children?: ReadonlyMap<string | number, Spot>;
  /** Where it and all below it stand, if that is another file than what it is a part of. */
  readonly origin?: TextFile;
  /** For an override: what it takes the place of. */
  readonly replaces?: Place;
}
export type Range = readonly [start: number, end: number];

export interface Place {
  readonly in: TextFile;
  readonly range: Range;
}

export interface Source extends TextFile {
  /** Other files that are joined into it, in the order in which they were named. */
  readonly extended?: readonly TextFile[];
  /** Undefined when the text is not one well-formed document. */
  readonly value: unknown;
  readonly root: Spot;
}

export interface Located {
  readonly spot: Spot;
  readonly depth: number;
  readonly in: TextFile;
  /** What an override took the place of, if the spot is one or within one. */
  readonly replaces: Place | undefined;
}

/** The spot at `path`, or of its nearest ancestor that is written. */
export function locate(source: Source, path: Path): Located {
  let spot = source.root;
  let depth = 0;
  let file: TextFile = source;
  let replaces: Place | undefined;
  for (const part of path) {
    const child = spot.children?.get(part);
    if (child === undefined) break;
    spot = child;
    depth++;
    file = spot.origin ?? file;
    replaces = spot.replaces ?? replaces;
  }
  return { spot, depth, in: file, replaces };
}

/** Whether something is written at `path`. */
export function isWritten(source: Source, path: Path): boolean {
  return locate(source, path).depth === path.length;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number;
}

/** Line and column of offsets in one text; the line starts are found once. */
export function positionsIn(text: string): { position(offset: number): Position; line(number: number): string } {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return {
    position(offset) {
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle]! <= offset) low = middle;
        else high = middle - 1;
      }
      return { line: low + 1, column: offset - starts[low]! + 1 };
    },
    line(number) {
      const end = number < starts.length ? starts[number]! - 1 : text.length;
      return text.slice(starts[number - 1]!, end).replace(/\r$/, "");
    },
  };
}
