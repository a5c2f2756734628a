/** What a line never shows: secrets in queries, paths and fields, however they are spelled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { redact } from "./runtime-text.ts";
import { isSecretField, secretInPath, secretInQuery } from "./secrets.ts";

const inQuery = new RegExp(secretInQuery(["ticket"]), "gi");
const inPath = new RegExp(secretInPath(["ticket"]), "gi");

for (const [query, shown] of [
  ["a=1&token=s3cret&b=2", "a=1&token=REDACTED&b=2"],
  ["access_token=s3cret", "access_token=REDACTED"],
  ["ToKeN=s3cret/with+more==;and=that", "ToKeN=REDACTED"],
  ["api-key=s3cret&apiKey=s3cret&X-Api-Key=s3cret", "api-key=REDACTED&apiKey=REDACTED&X-Api-Key=REDACTED"],
  ["user[password]=s3cret&user%5Bpassword%5D=s3cret", "user[password]=REDACTED&user%5Bpassword%5D=REDACTED"],
  ["%74oken=s3cret&t%6Fken=s3cret", "%74oken=REDACTED&t%6Fken=REDACTED"],
  ["next=https%3A%2F%2Fh%2F%3Ftoken%3Ds3cret", "next=https%3A%2F%2Fh%2F%3Ftoken%3DREDACTED"],
  ["next=https%253A%252F%252Fh%252F%253Ftoken%253Ds3cret", "next=https%253A%252F%252Fh%252F%253Ftoken%253DREDACTED"],
  ['q={"password":"s3cret"}', 'q={"password":REDACTED'],
  ["u=http://joe:s3cret@h/", "u=http://joe:REDACTED@h/"],
  ["u=http%3A%2F%2Fjoe%3As3cret%40h", "u=http%3A%2F%2Fjoe%3AREDACTED%40h"],
  ["u=http%3A%2F%2Fjoe:s3cret%40h", "u=http%3A%2F%2Fjoe:REDACTED%40h"],
  ["u=http%253A%252F%252Fjoe%253As3cret%2540h", "u=http%253A%252F%252Fjoe%253AREDACTED%2540h"],
  ["u=http%3A%2F%2Fjoe%3As3cret%2521%40h", "u=http%3A%2F%2Fjoe%3AREDACTED%40h"],
  ["u=http://joe:s3cret:s3cret@h/", "u=http://joe:REDACTED@h/"],
  [`u=http://joe:${"s3cret".repeat(16)}@h/`, "u=http://joe:REDACTED@h/"],
  ["u=https://ghp_s3cret@h/", "u=https://REDACTED@h/"],
  ["u=joe@h&t=12:30&v=//h/p", "u=joe@h&t=12:30&v=//h/p"],
  ["h=Bearer+s3cret&i=basic%20s3cret", "h=Bearer+REDACTED&i=basic%20REDACTED"],
  ["passcode=s3cret&PHPSESSID=s3cret&hmac=s3cret", "passcode=REDACTED&PHPSESSID=REDACTED&hmac=REDACTED"],
  ["pw=s3cret&sign=s3cret&code_verifier=s3cret", "pw=REDACTED&sign=REDACTED&code_verifier=REDACTED"],
  ["user[pass]=s3cret&key[]=s3cret&x%5Bauth%5D=s3cret", "user[pass]=REDACTED&key[]=REDACTED&x%5Bauth%5D=REDACTED"],
  ['q={"pin":"s3cret"}', 'q={"pin":REDACTED'],
  ["q=%7B%22api%22%3A1,%22key%22%3A%22s3cret%22%7D", "q=%7B%22api%22%3A1,%22key%22%3AREDACTED"],
  ["design=1&assess=2&opw=3", "design=1&assess=2&opw=3"],
  ["X-Amz-Signature=s3cret&sig=s3cret&code=s3cret", "X-Amz-Signature=REDACTED&sig=REDACTED&code=REDACTED"],
  ["auth=s3cret&sid=s3cret&pin=s3cret&otp=s3cret", "auth=REDACTED&sid=REDACTED&pin=REDACTED&otp=REDACTED"],
  ["x=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln&y=1", "x=REDACTED&y=1"],
  ["my_ticket_id=s3cret", "my_ticket_id=REDACTED"],
  ["zipcode=10115&shipping=1&page=2&inside=3", "zipcode=10115&shipping=1&page=2&inside=3"],
  ["token=&a=token", "token=&a=token"],
] as const) {
  test(`query ${query}`, () => assert.equal(redact(query, 512, inQuery), shown));
}

for (const [path, shown] of [
  ["/v1/devices/7", "/v1/devices/7"],
  ["/a;token=s3cret;b=1/c", "/a;token=REDACTED/c"],
  ["/token=s3cret/c", "/token=REDACTED/c"],
  ["/joe:s3cret%40h/c", "/joe:REDACTED%40h/c"],
  ["/a;PHPSESSID%3Ds3cret/c", "/a;PHPSESSID%3DREDACTED/c"],
  ["/http:/joe:s3cret@h/c", "/http:/joe:REDACTED@h/c"],
  ["/t/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln/c", "/t/REDACTED/c"],
  ["/v1/tokens:revoke", "/v1/tokens:revoke"],
] as const) {
  test(`path ${path}`, () => assert.equal(redact(path, 512, inPath), shown));
}

test("a secret that would be cut is replaced all the same", () => {
  assert.equal(redact(`${"a".repeat(505)}&token=s3cret`, 512, inQuery), `${"a".repeat(505)}&token=REDACTED`);
  assert.doesNotMatch(redact(`${"a".repeat(500)}:s3cret${"b".repeat(50)}@h`, 512, inPath), /s3cret/);
});

test("fields whose value is a secret are known by their names", () => {
  const secret = [
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
    "X-Api-Key",
    "X-Auth",
    "X-CSRF-Token",
  ];
  for (const name of secret) assert.ok(isSecretField(name), name);
  for (const name of ["User-Agent", "Referer", "X-Request-Id", "Accept", "X-Author", "Content-Type"])
    assert.ok(!isSecretField(name), name);
});

test("no kilobyte makes an expression slow", () => {
  const pieces = [
    "token",
    "%3A",
    ":",
    "@",
    "=",
    "&",
    "%41",
    "eyJ",
    "eyJaaaaaaaaaa.",
    "key",
    "?",
    "%40",
    ":a",
    "code",
    "//",
    "%2F%2F",
    "basic ",
  ];
  for (const piece of pieces) {
    for (const other of pieces) {
      const text = (piece.repeat(3) + other).repeat(512).slice(0, 1024);
      for (const secret of [inQuery, inPath]) {
        // 0.06 ms for the worst; the best of some, since the machine may be busy.
        const ms = Math.min(...Array.from({ length: 8 }, () => timed(() => redact(text, 512, secret))));
        assert.ok(ms < 0.5, `${ms} ms for ${piece} and ${other}`);
      }
    }
  }
});

function timed(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}
