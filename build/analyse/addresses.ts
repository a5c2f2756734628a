/** What an address is, in whatever notation it is written: which IPv4 it reaches, and whether the whole world can. */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/**
 * The IPv4 address that inet_aton(3) and browsers make of a number (2852039166), of hexadecimal or octal parts
 * (0xa9.254.0251.254) or of fewer than four (127.1); undefined for anything else, names included.
 */
export function readAnyIPv4(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!/^[0-9a-fx]+(\.[0-9a-fx]*)*$/i.test(text)) return undefined;
  const host = URL.parse(`http://${text}`)?.hostname ?? "";
  return isIPv4(host) ? host : undefined;
}

/** RFC 5952: one spelling. An IPv6 address that only carries an IPv4 one (RFC 4291 2.5.5.2) becomes that. */
export function canonicalIPv6(text: string): string {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  return mapped === null ? canonical : joinIPv4(mapped[1]!, mapped[2]!);
}

/** The IPv4 address that a translator or tunnel makes of a canonical IPv6 one; undefined if there is none in it. */
export function embeddedIPv4(canonical: string): string | undefined {
  const tail = (match: RegExpExecArray | null) => match && joinIPv4(match[1] ?? "0", match[2] ?? "0");
  return (
    // IPv4-compatible (RFC 4291 2.5.5.1), SIIT (RFC 2765), NAT64 (RFC 6052, RFC 8215)
    tail(/^::(?:ffff:0:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)) ??
    tail(/^64:ff9b:(?::|1:(?:.*:)?)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)) ??
    // 6to4 (RFC 3056), ISATAP (RFC 5214)
    tail(/^2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/.exec(canonical)) ??
    tail(/:(?:200:)?5efe:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)) ??
    undefined
  );
}

function joinIPv4(high: string, low: string): string {
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}

/** IANA's registries of special-purpose addresses: what no router of the internet carries. */
const NOT_PUBLIC = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  NOT_PUBLIC.addSubnet(address, bits, "ipv4");
NOT_PUBLIC.addSubnet("2001:db8::", 32, "ipv6");
NOT_PUBLIC.addSubnet("3fff::", 20, "ipv6");
/** All that is given out so far. */
const GLOBAL_IPV6 = new BlockList();
GLOBAL_IPV6.addSubnet("2000::", 3, "ipv6");

/** RFC 6761, 6762, 8375, 2606 and ICANN's .internal, with what networks use by habit and nobody can register. */
const PRIVATE_DOMAINS = new Set(
  "local internal arpa localhost test invalid example lan home corp localdomain intranet private mail".split(" "),
);

/** Whether packets to it cross the internet, as far as an address or a name alone can tell. */
export function isPublic(host: string): boolean {
  if (isIPv4(host)) return !NOT_PUBLIC.check(host, "ipv4");
  if (isIPv6(host)) {
    const inner = embeddedIPv4(host);
    if (inner !== undefined) return isPublic(inner);
    return GLOBAL_IPV6.check(host, "ipv6") && !NOT_PUBLIC.check(host, "ipv6");
  }
  const labels = host.split(".");
  return labels.length > 1 && !PRIVATE_DOMAINS.has(labels.at(-1)!);
}
