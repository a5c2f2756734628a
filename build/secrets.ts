/** Texts that look like secrets: formats that give themselves away, and values beside a name that does. */

/** Each with at least one digit where a word could look like it. Bounded, since whole programs are searched. */
const FORMATS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a password in a URL", /(?<=[a-z]):\/\/[^\s/?#@:]{0,256}:[^\s/?#@]{1,256}@/i],
  ["a JSON Web Token", /\beyJ[\w-]{8,512}\.eyJ[\w-]{8,}\./],
  ["a bearer token", /\bBearer +(?=\S*\d)[\w.~+/-]{8,}/i],
  ["an AWS access key", /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ["an Azure storage key", /\bAccountKey=[A-Za-z0-9+/]{40,}/],
  ["a Google API key", /\bAIza[\w-]{35}/],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22})/],
  ["a GitLab token", /\bglpat-[\w-]{20}/],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}/],
  ["a Slack token", /\bxox[abposr]-[\w-]{10}/],
  ["a Stripe key", /\b[rs]k_(?:live|test)_\w{16}/],
  ["a SendGrid key", /\bSG\.[\w-]{16,}\.[\w-]{16}/],
  ["an API key", /\bsk-(?=[\w-]*\d)[\w-]{20}/],
];

const NAMES =
  "api[-_]?key|access[-_]?key|secret(?:[-_]?key)?|client[-_]?secret|private[-_]?key|pass(?:word|wd|phrase)|token";
const NAMED = new RegExp(`(?:^|[-_.])(?:${NAMES})$`, "i");
const AUTHORIZATION = /(?:^|[-_.])authorization$/i;
/** `api_key=…`, `"password": "…"`, `token: …` in a URL or a body. */
const PAIR = new RegExp(`(?:^|[^A-Za-z])(?:${NAMES})["']?\\s*[:=]\\s*["']?([^\\s"'&,;{}<>]{6,})`, "gi");

/** `pwd=abc123` is the shortest; most texts of a routes file are shorter. */
const CHARS_MIN = 10;

/** The first part of a text, which may be a whole program, that has the format of a secret. */
export function findFormat(text: string): { readonly what: string; readonly text: string } | undefined {
  for (const [what, pattern] of FORMATS) {
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) return { what, text: found };
  }
  return undefined;
}

/** What a text looks like, "an AWS access key"; undefined if it looks like no secret. */
export function findSecret(text: string): string | undefined {
  if (text.length < CHARS_MIN) return undefined;
  const format = findFormat(text);
  if (format !== undefined) return format.what;
  if (isBasic(text)) return "a user name with its password";
  return [...text.matchAll(PAIR)].some(([, value]) => isMixed(value!)) ? "a secret beside its name" : undefined;
}

/** Likewise, of the value that stands under a key or in a field of this name. Placeholders are no secrets. */
export function findNamedSecret(name: string, text: string): string | undefined {
  const literal = text.replace(/\{[^{}]*\}/g, "").trim();
  if (AUTHORIZATION.test(name) && literal.replace(/^\w+(\s+|$)/, "").length >= 4) return "credentials";
  if (NAMED.test(name) && literal.length >= 8 && (isMixed(literal) || literal.length >= 20)) return "a secret";
  return undefined;
}

/** RFC 7617: base64 of "user:password". */
function isBasic(text: string): boolean {
  const encoded = /\bBasic +([A-Za-z0-9+/]{4,}={0,2})/i.exec(text)?.[1];
  return encoded !== undefined && /^[ -~]*:[ -~]+$/.test(Buffer.from(encoded, "base64").toString("latin1"));
}

/** Digits and letters together: words are no secrets. */
function isMixed(text: string): boolean {
  return /\d/.test(text) && /[A-Za-z]/.test(text);
}
