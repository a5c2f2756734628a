/** Numbers as the page writes them. Not by Intl: its words depend on the machine's ICU, and the page's bytes must not. */

/** 1318 is "1,318". */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 route", "2 routes" */
export function count(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}
