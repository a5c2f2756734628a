#!/usr/bin/env node
/** The `hardwire` command: runs build/cli.ts under the project's own Node.js. */
import { fileURLToPath } from "node:url";
import { runProjectNode } from "./project-node.mjs";

await runProjectNode([fileURLToPath(new URL("cli.ts", import.meta.url)), ...process.argv.slice(2)]);
