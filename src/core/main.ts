/** Entry of the device program; everything it serves is in the generated modules. */
import { start } from "./start.ts";

start(process.argv.slice(2));
