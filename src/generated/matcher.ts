/** Stand-in for the generated matcher. */

/** After `match` answered WRONG_METHOD: the bits of the methods that some route would have taken. */
export let allowedMethods = 0;

/** What fields are read from: uWebSockets.js's request. */
export interface FieldReader {
  getHeader(lowerCaseName: string): string;
}

/** After `match`: whether a query parameter came more than once that a condition was about. */
export const repeatsParameter: boolean = false;

/** After `match`: whether a condition was about this field of the request. */
export function asksField(_name: string): boolean {
  return false;
}

/** To be called before the request's fields are gone through. */
export function startFields(): void {}

/** To be called for each field: whether it comes once more, though a condition was about it. */
export function repeatsField(_name: string): boolean {
  return false;
}

/**
 * The route of a request, or NO_ROUTE (-1), WRONG_METHOD (-2, see `allowedMethods`), WRONG_HOST (-3, no route of the
 * listener has this host).
 * @param listener index into `listeners` of tables.ts; 0 if none makes a difference
 * @param host lower case, without port; "" if no route names hosts
 * @param method one bit of METHOD_BITS, or METHOD_OTHER
 * @param path normalised, starting with "/"
 * @param query as sent, without the question mark
 */
export function match(
  _listener: number,
  _host: string,
  _method: number,
  _path: string,
  _query: string,
  _req: FieldReader,
): number {
  allowedMethods = 0;
  return -1;
}
