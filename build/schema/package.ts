/** The target file's `package`: what a package says that cannot be derived from anything else. */
import { z } from "zod";
import { expectations } from "./expect.ts";

export const packageSchema = z
  .strictObject({
    maintainer: z
      .string()
      .regex(/^[^<>@,\n]*[^<>@,\s] <[^<>@\s,]+@[^<>@\s,]+\.[^<>@\s,]+>$/)
      .meta({
        description: "Who answers for the package, name and mail address.",
        examples: ["Plant Operations <operations@example.net>"],
      })
      .register(expectations, { expected: 'a name and a mail address: "Plant Operations <operations@example.net>"' }),
  })
  .describe("Of the package that is made with --deb.");
