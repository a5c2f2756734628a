/** Stand-in for the generated matcher. */

/** After `match` answered WRONG_METHOD: the bits of the methods that some route would have taken. */
export let allowedMethods = 0;

/**
 * The route of a request, or NO_ROUTE (-1), WRONG_METHOD (-2, see `allowedMethods`), WRONG_HOST (-3, no route has
 * this host).
 * @param host lower case, without port; "" if no route names hosts
 * @param method one bit of METHOD_BITS, or METHOD_OTHER
 * @param path normalised, starting with "/"
 */
export function match(_host: string, _method: number, _path: string): number {
  allowedMethods = 0;
  return -1;
}
