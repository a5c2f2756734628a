/** Plain http that leaves the plant: anybody on the way can read and change it. A warning, since a tunnel may be there. */
import { isPublic } from "./addresses.ts";
import { parseEndpoint } from "./endpoints.ts";
import { type AnalysisInput, upstreamsOf } from "./input.ts";
import { metadataHost } from "./metadata.ts";

export function checkPlaintext(input: AnalysisInput): void {
  for (const [name, upstream] of upstreamsOf(input)) {
    for (const [index, endpoint] of (upstream.endpoints ?? []).entries()) {
      if (endpoint?.url === undefined || metadataHost(endpoint.url) !== undefined) continue;
      const address = parseEndpoint(endpoint.url);
      if ("mistake" in address || !/^http:/i.test(endpoint.url) || !isPublic(address.host)) continue;
      const what = /^[\d.]+$|:/.test(address.host) ? "address" : "name";
      const message = `${address.host} is a public ${what}, and plain http to it can be read and changed on the way; put a tunnel or a TLS proxy in between`;
      input.routes.warning("HW1903", ["upstreams", name, "endpoints", index, "url"], message);
    }
  }
}
