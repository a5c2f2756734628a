/**
 * What of a request is never shown (build time; the device gets the regular expressions). By names, since values say
 * little: whatever stands behind a name that contains one of these words, and tokens and passwords of a known form.
 *
 * An expression runs over a kilobyte that a client has chosen, so it may not be slow for any: each begins with a literal
 * and looks a few characters far.
 */

/** Anywhere in a name. */
const WORDS = ["token", "secret", "passw", "passphrase", "pwd", "credential", "authori[sz]ation", "bearer", "cookie"];
const MORE_WORDS = ["session", "signature", "assertion", "api[-_.]?key", "private[-_.]?key", "jwt", "csrf", "otp"];
const WORDS_OF_PROTOCOLS = ["passcode", "sessid", "saml", "hmac", "verifier"];
/** At a name's end. */
const ENDS = ["key", "auth", "pass", "(?<![a-z])(?:sig|sign|sid|pin|pw|code)"];
/** What may stand behind the end all the same: `user[key]`, `key[0]`, `"key"`. */
const CLOSING = "(?:(?:\\[|%5B)[0-9]{0,4})?(?:[\"'\\]]|%2[27]|%5D)?";
/** A letter that is percent-encoded for no reason, such as that of a name that is not to be recognised. */
const HIDDEN = "%(?:[46][1-9a-f]|[57][0-9a])";

/** Of a field whose whole value is a secret. */
const FIELD = new RegExp(`${[...WORDS, ...MORE_WORDS, ...WORDS_OF_PROTOCOLS].join("|")}|(?:${ENDS.join("|")})$`, "i");

export function isSecretField(name: string): boolean {
  return FIELD.test(name);
}

/**
 * `user:password@` and `//token@`, also where some or all of it is encoded, as in a parameter's value. A personal access
 * token has up to some hundred characters. Only behind `//` may a password have a colon: elsewhere any colon may be the
 * one before it, and whoever sends a thousand of them would make all of them looked behind.
 */
const AT = "(?=@|%(?:25)?40)";
const COLON = "(?::|%(?:25)?3A)";
const SLASHES = "(?://|%(?:25)?2F%(?:25)?2F)";
const PASSWORD = "(?:[^/@&%]|%(?!(?:25)?(?:2F|26|40))){1,128}";
const PLAIN = "(?:[^/@&:%]|%(?!(?:25)?(?:2F|26|3A|40))){1,128}";
const USER_INFO = [
  `(?<kept>${SLASHES}(?:${PLAIN})?${COLON})${PASSWORD}${AT}`,
  `(?<kept>${SLASHES}|${COLON})${PLAIN}${AT}`,
].join("|");
/** What an Authorization field would say, and a parameter sometimes does. */
const SCHEME = "(?<kept>(?:bearer|basic)(?:[ +]|%(?:25)?20))[\\w.~+/=-]+";
/** A JSON Web Token, wherever it stands. */
const WEB_TOKEN = "(?<kept>(?<![\\w-]))eyJ[\\w-]{10,}\\.[\\w.-]+";

/** @param more names of parameters */
export function secretInQuery(more: readonly string[]): string {
  return expression(more, "(?:=|:|%(?:25)?3[AD])", "[^&=:]{0,32}", "[^&]+");
}

export function secretInPath(more: readonly string[]): string {
  return expression(more, "(?:=|%(?:25)?3D)", "[^/=]{0,32}", "[^/]+");
}

function expression(more: readonly string[], equals: string, rest: string, value: string): string {
  const words = [
    ...WORDS,
    ...MORE_WORDS,
    ...WORDS_OF_PROTOCOLS,
    ...more.map((name) => name.replace(/[^\w]/g, "\\$&")),
    HIDDEN,
  ].join("|");
  const name = `(?:(?:${words})${rest}|(?:${ENDS.join("|")})${CLOSING})`;
  return `(?<kept>${name}${equals})${value}|${USER_INFO}|${SCHEME}|${WEB_TOKEN}`;
}
