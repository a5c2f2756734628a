#!/usr/bin/env node
/** Runs the project's own Node.js with any arguments: `node build/node.mjs --test 'test/*.test.ts'`. */
import { runProjectNode } from "./project-node.mjs";

await runProjectNode(process.argv.slice(2));
