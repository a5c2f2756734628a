/** What the page is made from, and how a section looks to the page around it. */
import type { Built, Design } from "../compile.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { Feature } from "../feature.ts";
import type { Html } from "./html.ts";

export interface PageInput {
  readonly design: Design;
  readonly built: Built;
  /** What was found without being an error. */
  readonly warnings: readonly Diagnostic[];
  /** All that the compiler found, used or not. */
  readonly features: readonly Feature[];
}

export interface Section {
  /** In the page's address: "#memory". */
  readonly id: string;
  readonly title: string;
  /** Beside the title in the list of sections: how many, or how much. */
  readonly note?: string;
  readonly content: Html;
}
