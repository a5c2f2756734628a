/**
 * Cloud metadata services, which give out credentials to whoever asks from the inside: a proxy must never lead there,
 * however the address is written. Where a name leads is only known on the device.
 */
import { isIPv6 } from "node:net";
import { canonicalIPv6, embeddedIPv4, readAnyIPv4 } from "./addresses.ts";
import { type AnalysisInput, upstreamsOf } from "./input.ts";

const ADDRESSES = new Set([
  "169.254.169.254", // AWS, Google, Azure and most others
  "169.254.170.2", // AWS containers
  "169.254.170.23", // AWS pods
  "169.254.0.23", // Tencent
  "169.254.42.42", // Scaleway
  "100.100.100.200", // Alibaba
  "168.63.129.16", // Azure's wire server
  "192.0.0.192", // Oracle
  "fd00:ec2::254", // AWS
  "fd00:ec2::23", // AWS pods
  "fd20:ce::254", // Google
  "fd00:42::42", // Scaleway
  "fe80::a9fe:a9fe", // OpenStack
]);

const NAMES = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
  "metadata.azure.internal",
  "metadata.azure.com",
  "metadata.tencentyun.com",
  "metadata.packet.net",
  "metadata.platformequinix.com",
]);

export function checkMetadata(input: AnalysisInput): void {
  for (const [name, upstream] of upstreamsOf(input)) {
    for (const [index, endpoint] of (upstream.endpoints ?? []).entries()) {
      const host = endpoint?.url === undefined ? undefined : metadataHost(endpoint.url);
      if (host === undefined) continue;
      const message = `${host} is a cloud's metadata service, which gives out credentials; it cannot be an endpoint`;
      input.routes.error("HW1304", ["upstreams", name, "endpoints", index, "url"], message);
    }
  }
}

/** The metadata service that a URL leads to, in its usual spelling; undefined if it leads to none. */
export function metadataHost(url: string): string | undefined {
  const authority = /^[a-z+]*:?\/\/([^/?#]*)/i.exec(url)?.[1] ?? url;
  const [, bare, name] = /^(?:.*@)?(?:\[([^\]]*)\]|([^:]*))/.exec(authority) ?? [];
  const host = bare === undefined ? plainHost(name ?? "") : isIPv6(bare) ? canonicalIPv6(bare.replace(/%.*/, "")) : "";
  if (ADDRESSES.has(host) || NAMES.has(host)) return host;
  const inner = embeddedIPv4(host) ?? addressInName(host);
  return inner !== undefined && ADDRESSES.has(inner) ? inner : undefined;
}

function plainHost(text: string): string {
  const name = text.toLowerCase().replace(/\.+$/, "");
  return readAnyIPv4(name) ?? name;
}

/** Public resolvers such as nip.io turn the name 169-254-169-254.any.nip.io into the address in it. */
function addressInName(host: string): string | undefined {
  const parts = /(?:^|[.-])(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-]/.exec(host)?.slice(1);
  const hex = /(?:^|[.-])([0-9a-f]{8})\./.exec(host)?.[1];
  return parts?.join(".") ?? (hex && readAnyIPv4(`0x${hex}`));
}
