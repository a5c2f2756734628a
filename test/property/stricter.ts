/**
 * Where the answer parser refuses on purpose what llhttp takes: every rule with its reason. What is refused without one
 * of them fails the test, and so does everything that is taken and llhttp refuses, but for `TAKEN`.
 */
import type { Head, Read } from "./llhttp.ts";

interface Rule {
  readonly why: string;
  readonly holds: (text: string, read: Read) => boolean;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` */
const EXTENSIONS =
  /^(?:[\t ]*;[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[\t ]*=[\t ]*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*$/;

function values(head: Head, name: string): string[] {
  return head.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

function hasBody(head: Head): boolean {
  return values(head, "transfer-encoding").length > 0 || Number(values(head, "content-length")[0] ?? 0) > 0;
}

export const STRICTER: readonly Rule[] = [
  {
    why: "RFC 9112 6.1: a coding other than one chunked does not say where the body ends",
    holds: (_, { heads }) =>
      heads.some((head) => !["", "chunked"].includes(values(head, "transfer-encoding").join().toLowerCase())),
  },
  {
    why: "RFC 9112 6.1: HTTP/1.0 knows no chunks",
    holds: (_, { heads }) => heads.some((head) => head.minor === 0 && values(head, "transfer-encoding").length > 0),
  },
  {
    why: "RFC 9110 8.6, RFC 9112 6.1: 1xx and 204 have no body, and no field that says they had",
    holds: (_, { heads }) => heads.some((head) => (head.status < 200 || head.status === 204) && hasBody(head)),
  },
  {
    why: "RFC 9110 15.2.2: 101 answers an Upgrade, which is never sent",
    holds: (_, { heads }) => heads.some(({ status }) => status === 101),
  },
  {
    why: "RFC 9110 15: a status is from 100 to 599",
    holds: (_, { heads }) => heads.some(({ status }) => status < 100 || status > 599),
  },
  {
    why: "RFC 9110 7.6.1: an option of Connection is a token",
    holds: (_, { heads }) =>
      heads.some((head) =>
        values(head, "connection").some((value) =>
          value.split(",").some((option) => !/^[\t ]*$/.test(option) && !TOKEN.test(option.trim())),
        ),
      ),
  },
  {
    why: "RFC 9110 5.6.3: blanks behind a coding's name; llhttp takes one with a tab for another coding",
    holds: (text) => /\r\ntransfer-encoding:[^\r\n]*[\t ]\r\n/i.test(text),
  },
  {
    why: "RFC 9112 2.3: the versions are HTTP/1.0 and HTTP/1.1",
    holds: (text) => /(?:^|\n)(?:HTTP|RTSP|ICE)\/(?!1\.[01] )/.test(text),
  },
  {
    why: "RFC 9110 5.5, RFC 9112 4: no control byte in a value or a reason",
    holds: (_, { heads }) =>
      heads.some(({ reason, fields }) =>
        /[\x00-\x08\x0a-\x1f\x7f]/.test(reason + fields.map(([, value]) => value).join("")),
      ),
  },
  { why: "RFC 9112 5.2: a folded line", holds: (text) => /\r\n[\t ]/.test(text) },
  {
    why: "RFC 9112 2.2: only a request may stand behind empty lines",
    holds: (text) => /(?:^|\n)[\r\n]+HTTP\//.test(text),
  },
  { why: "RFC 9112 7.1.1: the grammar of chunk extensions", holds: hasBadExtension },
  {
    why: "2^53: lengths of more than 15 digits are not exact",
    holds: (_, { heads }) => heads.some((head) => values(head, "content-length").some((value) => value.length > 15)),
  },
];

/** Looked at: what the gateway takes and llhttp refuses or reads otherwise. */
export const TAKEN: readonly Rule[] = [
  {
    why: "an interim answer that closes, or of HTTP/1.0, is skipped; llhttp takes it for the last one of its connection",
    holds: (_, { error, heads }) => error === "HPE_CLOSED_CONNECTION" && heads.at(-1)!.status < 200,
  },
  {
    why: "framing fields among the trailers are dropped with them",
    holds: (_, { error }) => error === "HPE_INVALID_CONTENT_LENGTH" || error === "HPE_INVALID_TRANSFER_ENCODING",
  },
];

function hasBadExtension(text: string): boolean {
  return text.split("\r\n").some((line) => {
    const parts = /^[0-9a-f]+([^0-9a-f].*)$/is.exec(line);
    return parts !== null && !EXTENSIONS.test(parts[1]!);
  });
}

export function findRule(rules: readonly Rule[], bytes: Buffer, read: Read): Rule | undefined {
  const text = bytes.toString("latin1");
  return rules.find(({ holds }) => holds(text, read));
}
