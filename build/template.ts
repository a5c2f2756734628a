/**
 * Texts with placeholders: `{client.ip}` and the like, `{{` and `}}` for literal braces.
 *
 * Features use it to check a value and to state its worst-case size, the emitter to turn it into code. The table is
 * the only list of placeholders; `fn` is the exported function of src/core/placeholders.ts that writes the value.
 */
import { didYouMean } from "./near-miss.ts";
import type { PlannedLimits } from "./plan.ts";

/** What the size of a client's values depends on. */
export type HeadLimits = Pick<PlannedLimits, "targetBytesMax">;

/** Longest Host value the core accepts, port included (`isHost` in src/core/target.ts). */
export const HOST_BYTES_MAX = 255;
/** Longest id that a trusted client may give its request. */
export const REQUEST_ID_BYTES_MAX = 64;
/** A request feature may make the path this much longer (src/core/h1-write.ts, which keeps the room). */
export const LINE_GROWTH_BYTES = 512;

export interface Placeholder {
  readonly fn: string;
  /** Most bytes the value can have on any request. */
  readonly bytesMax: (limits: HeadLimits) => number;
  readonly summary: string;
}

export const PLACEHOLDERS: Readonly<Record<string, Placeholder>> = {
  "client.ip": { fn: "clientIp", bytesMax: () => 39, summary: "the client's address; IPv6 in full groups" },
  "request.id": {
    fn: "requestId",
    // A trusted client's own, see src/features/request-id.
    bytesMax: () => REQUEST_ID_BYTES_MAX,
    summary: "32 random hex digits, or the request's id as request_id took it; the same all through one exchange",
  },
  host: { fn: "host", bytesMax: () => HOST_BYTES_MAX, summary: "the Host field as the client sent it" },
  path: {
    fn: "path",
    bytesMax: ({ targetBytesMax }) => targetBytesMax + LINE_GROWTH_BYTES,
    summary: "the path, normalised and rewritten",
  },
  query: {
    fn: "query",
    bytesMax: ({ targetBytesMax }) => targetBytesMax,
    summary: "the query without its question mark",
  },
  // The longest that is forwarded: `isMethodToken` in src/core/method.ts.
  method: { fn: "method", bytesMax: () => 32, summary: "the request's method" },
  scheme: { fn: "scheme", bytesMax: () => 5, summary: "http or https, as the client connected" },
  route: { fn: "routeName", bytesMax: () => 63, summary: "the route's name" },
  upstream: { fn: "upstreamName", bytesMax: () => 63, summary: "the upstream's name" },
};

export type TemplatePart =
  | { readonly text: string }
  | { readonly placeholder: string }
  | { readonly credential: string };

/** `{credential.NAME}`: a file of the device, which the program reads when it runs (src/core/credentials.ts). */
const CREDENTIAL = /^credential\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;
/** Of one credential, without the line break at its end; as in src/core/credentials.ts. */
export const CREDENTIAL_BYTES_MAX = 2048;

export interface TemplateMistake {
  /** Offset in the text, in UTF-16 units. */
  readonly offset: number;
  readonly message: string;
}

/**
 * The parts of a text in order, neighbouring literals joined; or the first mistake in it.
 * @param mayHoldSecrets whether credentials can be named: only where the text goes to the other end and nowhere else
 */
export function parseTemplate(
  text: string,
  mayHoldSecrets = false,
): { parts: TemplatePart[] } | { mistake: TemplateMistake } {
  const parts: TemplatePart[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if ((char === "{" || char === "}") && text[at + 1] === char) {
      literal += char;
      at += 2;
    } else if (char === "}") {
      return { mistake: { offset: at, message: 'a "}" without "{"; write "}}" for a literal brace' } };
    } else if (char === "{") {
      const end = text.indexOf("}", at);
      if (end < 0) return { mistake: { offset: at, message: 'a "{" without "}"; write "{{" for a literal brace' } };
      const name = text.slice(at + 1, end);
      const credential = mayHoldSecrets ? CREDENTIAL.exec(name)?.[1] : undefined;
      if (credential === undefined && !Object.hasOwn(PLACEHOLDERS, name)) {
        return { mistake: { offset: at, message: refusePlaceholder(name, mayHoldSecrets) } };
      }
      if (literal !== "") parts.push({ text: literal });
      literal = "";
      parts.push(credential === undefined ? { placeholder: name } : { credential });
      at = end + 1;
    } else {
      literal += char;
      at += 1;
    }
  }
  if (literal !== "") parts.push({ text: literal });
  return { parts };
}

/** Most bytes the text can become, placeholders filled in. @throws Error if the text was not checked before */
export function templateBytesMax(text: string, limits: HeadLimits): number {
  let bytes = 0;
  for (const part of partsOfChecked(text)) {
    if ("text" in part) bytes += Buffer.byteLength(part.text);
    else bytes += "credential" in part ? CREDENTIAL_BYTES_MAX : PLACEHOLDERS[part.placeholder]!.bytesMax(limits);
  }
  return bytes;
}

/** The parts of a text that passed `parseTemplate`. @throws Error otherwise: a feature let a mistake through */
export function partsOfChecked(text: string): readonly TemplatePart[] {
  const parsed = parseTemplate(text, true);
  if ("mistake" in parsed) throw new Error(`unchecked template ${JSON.stringify(text)}: ${parsed.mistake.message}`);
  return parsed.parts;
}

/** The text that stands for itself in a template. */
export function escapeTemplate(text: string): string {
  return text.replace(/[{}]/g, "$&$&");
}

function refusePlaceholder(name: string, mayHoldSecrets: boolean): string {
  if (/^credential\b/.test(name)) {
    return mayHoldSecrets
      ? `"${name}" names no credential; write {credential.NAME}, the name of letters, digits, and . _ -, 64 at most`
      : "a credential can only be in a header field's value, so that it shows nowhere else";
  }
  const known = [...Object.keys(PLACEHOLDERS), ...(mayHoldSecrets ? ["credential.NAME"] : [])];
  const near = didYouMean(name, known);
  const hint = near === "" ? `; known are ${known.map((known) => `{${known}}`).join(", ")}` : near;
  return `no placeholder "${name}"${hint} (write "{{" and "}}" for literal braces)`;
}
