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
/** At a name's end. */
const ENDS = ["key", "auth", "pass", "(?<![a-z])(?:sig|sid|pin|code)"];
/** A letter that is percent-encoded for no reason, such as that of a name that is not to be recognised. */
const HIDDEN = "%(?:[46][1-9a-f]|[57][0-9a])";

/** Of a field whose whole value is a secret. */
const FIELD = new RegExp(`${[...WORDS, ...MORE_WORDS].join("|")}|(?:${ENDS.join("|")})$`, "i");

export function isSecretField(name: string): boolean {
  return FIELD.test(name);
}

/** `user:password@`, and the same in a parameter's value. */
const USER_INFO = "(?<kept>:)[^/@&:]{1,64}(?=@)|(?<kept>%3A)[^/@&:%]{1,64}(?=%40)";
/** A JSON Web Token, wherever it stands. */
const WEB_TOKEN = "(?<kept>(?<![\\w-]))eyJ[\\w-]{10,}\\.[\\w.-]+";

/** @param more names of parameters */
export function secretInQuery(more: readonly string[]): string {
  return expression(more, "(?:=|:|%(?:25)?3[AD])", "[^&=:]{0,32}", "[^&]+");
}

export function secretInPath(more: readonly string[]): string {
  return expression(more, "=", "[^/=]{0,32}", "[^/]+");
}

function expression(more: readonly string[], equals: string, rest: string, value: string): string {
  const words = [...WORDS, ...MORE_WORDS, ...more.map((name) => name.replace(/[^\w]/g, "\\$&")), HIDDEN].join("|");
  const name = `(?:(?:${words})${rest}|${ENDS.join("|")})`;
  return `(?<kept>${name}${equals})${value}|${USER_INFO}|${WEB_TOKEN}`;
}
