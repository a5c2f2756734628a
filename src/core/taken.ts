/**
 * Values of request fields that features asked for, by their numbers: kept while a head is read, so that nobody has to
 * look for them once more. They are those of the request that was read last, until the next one is.
 */
const values: string[] = [];
const times: number[] = [];

/** A head is read, perhaps for the second time. */
export function startTaking(): void {
  for (let i = 0; i < times.length; i++) times[i] = 0;
}

/** Called by generated code. Repeated fields are one list (RFC 9110 5.3). */
export function take(number: number, value: string): void {
  const before = times[number] ?? 0;
  values[number] = before === 0 ? value : `${values[number]},${value}`;
  times[number] = before + 1;
}

/** "" if the request has no such field. */
export function takenValue(number: number): string {
  return timesTaken(number) === 0 ? "" : values[number]!;
}

/** How many such fields it has. */
export function timesTaken(number: number): number {
  return times[number] ?? 0;
}
