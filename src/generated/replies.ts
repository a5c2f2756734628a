/** Stand-in for the generated replies: fixed answers of features; reply number = FIRST_REPLY + index. */

export interface ReplySource {
  /** "404 Not Found" */
  readonly status: string;
  /** "name: value" lines joined by CRLF, none at the end; may be empty. */
  readonly fields: string;
  /** UTF-8 text. */
  readonly body: string;
}

export const replies: readonly ReplySource[] = [];
