/**
 * Host patterns: a name or address, or `*.` before a name, which stands for one label or more (as in nginx, Envoy and
 * the Kubernetes Gateway API; a certificate's wildcard is only one).
 */

export function isWildcard(pattern: string): boolean {
  return pattern.startsWith("*.");
}

/** What a host must end with, with its dot: ".example.net" of "*.example.net". */
export function suffixOf(wildcard: string): string {
  return wildcard.slice(1);
}

export function takesHost(pattern: string, host: string): boolean {
  if (!isWildcard(pattern)) return pattern === host;
  const suffix = suffixOf(pattern);
  return host.length > suffix.length && host.endsWith(suffix);
}

/** The wildcards that take all the pattern takes, the most specific first; the pattern itself is not among them. */
export function widerThan(pattern: string): string[] {
  const labels = (isWildcard(pattern) ? pattern.slice(2) : pattern).split(".");
  return labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`);
}

/** Whether every host of `inner` is one of `outer`. */
export function isWithinHost(inner: string, outer: string): boolean {
  return inner === outer || widerThan(inner).includes(outer);
}

/** Whether some host is both. */
export function hostsMeet(a: string, b: string): boolean {
  return isWithinHost(a, b) || isWithinHost(b, a);
}

/** Sorts the more specific first: names, then wildcards by their number of labels; equal ones stay in order. */
export function compareHosts(a: string, b: string): number {
  const breadth = (pattern: string) => (isWildcard(pattern) ? 1000 - pattern.split(".").length : 0);
  return breadth(a) - breadth(b);
}
