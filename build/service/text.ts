/** Lines of systemd's and sysctl's files: a setting, and above it why it is there, in comments of a fixed width. */

const WIDTH = 110;

export interface Setting {
  readonly key: string;
  readonly value: string | number;
  /** Left out where the key says it all. */
  readonly why?: string;
}

export function setting(key: string, value: string | number, why?: string): Setting {
  return { key, value, ...(why !== undefined && { why }) };
}

/** @param assign what stands between key and value */
export function render(settings: readonly Setting[], assign: string): string {
  return settings
    .map(({ key, value, why }) => `${why === undefined ? "" : comment(why)}${key}${assign}${value}`.trimEnd())
    .map((lines) => `${lines}\n`)
    .join("");
}

export function comment(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length >= WIDTH) lines.push(` ${word}`);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line) => `#${line}\n`).join("");
}

/** As systemd reads it, in the largest unit without a fraction: 5000 is "5s". */
export function showTime(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const UNITS = [
  ["M", 1 << 20],
  ["K", 1 << 10],
] as const;

/** Likewise: "96M" is 96 MiB. */
export function showMemory(bytes: number): string {
  const [unit, size] = UNITS.find(([, size]) => bytes % size === 0) ?? ["", 1];
  return `${bytes / size}${unit}`;
}
