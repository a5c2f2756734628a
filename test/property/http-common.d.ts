/** The part of Node.js's own binding to llhttp that the tests use as a reference; its types are not public. */
declare module "node:_http_common" {
  class HTTPParser {
    static readonly REQUEST: 1;
    static readonly RESPONSE: 2;
    static readonly kOnHeaders: 1;
    static readonly kOnHeadersComplete: 2;
    static readonly kOnBody: 3;
    static readonly kOnMessageComplete: 4;
    static readonly kLenientNone: 0;
    [HTTPParser.kOnHeaders]: (fields: string[], url: string) => void;
    [HTTPParser.kOnHeadersComplete]: (
      major: number,
      minor: number,
      fields: string[] | undefined,
      method: number | undefined,
      url: string | undefined,
      status: number | undefined,
      reason: string | undefined,
      upgrade: boolean,
      keepAlive: boolean,
    ) => number;
    [HTTPParser.kOnBody]: (bytes: Buffer) => void;
    [HTTPParser.kOnMessageComplete]: () => void;
    /** @param maxHeadBytes 0 for the process's default of 16 KiB */
    initialize(kind: number, resource: object, maxHeadBytes: number, lenientFlags: number): void;
    /** Bytes parsed, or the error. */
    execute(bytes: Uint8Array): number | (Error & { code: string; bytesParsed: number });
    /** After the connection's end. */
    finish(): undefined | (Error & { code: string });
  }
  const common: { HTTPParser: typeof HTTPParser; methods: readonly string[] };
  export default common;
}
