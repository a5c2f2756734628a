/**
 * The table of everything the compiler can find wrong in a routes or target file: a stable code and one line of
 * meaning each. A code is never reused for another meaning. Features bring their own (`codes` in their feature.ts).
 */
export const CODES: Readonly<Record<string, string>> = {
  // 10xx: reading the file
  HW1000: "the file cannot be read",
  HW1001: "not well-formed YAML or JSON",
  HW1002: "the same key twice in one mapping",
  HW1003: "a part of YAML that the language does not use: merge keys, tags, directives, several documents",
  HW1004: "a key that is not plain text, or that YAML versions read differently (on, off, yes, no, y, n)",
  HW1005: "a date without quotes",
  HW1006: "not UTF-8, or a control character",
  HW1007: "too large, nested too deeply, or grown too large by aliases",
  HW1008: "empty, or not a mapping",
  HW1009: "an alias of nothing, or of something that contains it",
  // 11xx: shape and single values
  HW1101: "a key the language does not know",
  HW1102: "a key that must be there is missing",
  HW1103: "a value of the wrong type",
  HW1104: "a value that is not allowed here",
  HW1105: "a number without its unit",
  HW1106: "a list or mapping with too few or too many entries",
  HW1107: "a name that is not allowed",
  HW1108: "a setting that the device program cannot honour",
  // 12xx: names
  HW1201: "two routes of the same name",
  HW1202: "an upstream that no route uses",
  HW1203: "a route to an upstream that does not exist",
  HW1204: "a route that nothing answers",
  HW1205: "a route that is answered twice",
  HW1206: "a route or a page on a listener that does not exist",
  HW1207: "a listener that no route serves",
  HW1209: "an admin listener that routes use too, or two pages of one path on it",
  HW1210: "an admin listener that other machines can reach",
  // 13xx: values with a syntax of their own
  HW1301: "a path that is not well formed",
  HW1302: "a host that is not a name or an address",
  HW1303: "an endpoint URL that is not well formed",
  HW1304: "an endpoint that must not be reached",
  HW1305: "the same entry twice in one list",
  HW1306: "a listener address that is not well formed",
  HW1307: "two listeners on one address",
  HW1308: "a condition that no request can meet, or that would not mean what it says",
  HW1309: "a literal that looks like a secret",
  HW1310: "a path_regex that is not well formed, or that cannot be matched in linear time",
  // 14xx: routes and settings that contradict each other
  HW1401: "two routes that take the same requests",
  HW1402: "two routes that overlap, neither more specific than the other",
  HW1403: "a route that no request can reach",
  HW1404: "timeouts that contradict each other",
  HW1405: "connection settings that contradict each other",
  HW1406: "a program larger than the target allows",
  HW1407: "limits of the device that contradict each other",
  HW1408: "a program that can need more memory than the target has for it",
  HW1409: "a program that can need more file descriptors than the target grants",
  HW1410: "a heap too small for what the routes can need",
  HW1411: "what the service's rights on the device do not allow",
  // 15xx: target files that extend others and override routes
  HW1501: "a target file that cannot be extended",
  HW1502: "target files that extend each other in a circle",
  HW1503: "too many target files that extend each other",
  HW1504: "an override of what the routes file does not set",
  HW1505: "an override of what cannot be overridden",
  // 16xx: tests
  HW1601: "a test of a route, an upstream or a listener that does not exist",
  HW1602: "a test whose request no client can send",
  HW1603: "a test whose expectations are empty or contradict each other",
  HW1604: "a test that fails",
  // 19xx: warnings; the build goes on
  HW1901: "routes that answer on any host",
  HW1902: "a setting that has no effect",
  HW1903: "plain http to a public address",
};
