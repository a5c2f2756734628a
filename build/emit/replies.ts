/** Emits replies.ts: the fixed answers of features, each distinct one once. */
import { STATUS_CODES } from "node:http";
import type { ReplyValue } from "../feature.ts";
import { literal, type Text } from "./text.ts";

export function emitReplies(out: Text, replies: readonly ReplyValue[]): void {
  out.block("export interface ReplySource {", () => {
    for (const field of ["status", "fields", "body"]) out.line(`readonly ${field}: string;`);
  });
  out.line();
  out.block(
    "export const replies: readonly ReplySource[] = [",
    () => {
      for (const { status, fields, body } of replies) {
        const lines = fields.map(([name, value]) => `${name}: ${value}`).join("\r\n");
        // An empty reason is legal, the blank before it is not optional (RFC 9112 4).
        const statusLine = `${status} ${STATUS_CODES[status] ?? ""}`;
        out.line(`{ status: ${literal(statusLine)}, fields: ${literal(lines)}, body: ${literal(body)} },`);
      }
    },
    "];",
  );
}
