/** What lies in /usr/share/doc of a package and of an image: whose work it is, and what is in it. */
import { LIBRARIES_OF_ADDON } from "../attest/runtime-libraries.ts";
import { makeSbom } from "../attest/sbom.ts";
import type { Bundle } from "../bundle.ts";
import type { Inside } from "../manifest/read.ts";
import { readLicences } from "./licences.ts";
import { type File, makeMember } from "./tar.ts";

/** Not "licences": lintian takes a file of that name for a second copyright file. */
const NOTICES = "nodejs-notices.gz";

/** @throws SupplyError */
export async function makeDocuments(inside: Inside, bundled: Bundle, time: string | undefined): Promise<File[]> {
  const { name, target } = inside.manifest;
  const sbom = `${JSON.stringify(makeSbom(inside, bundled, time), null, 2)}\n`;
  const files = [
    { file: "copyright", data: makeCopyright(name) },
    { file: NOTICES, data: await makeMember(await readLicences(target)) },
    { file: `${name}.cdx.json`, data: sbom },
  ];
  return files.map(({ file, data }) => ({ path: `usr/share/doc/${name}/${file}`, mode: 0o644, data }));
}

function makeCopyright(name: string): string {
  return `${name} is one executable made of three parts. ${name}.cdx.json in this folder lists all that is in them, with
versions, licences and hashes.

hardwire, and the program that it made of a routes file
  Copyright (C) 2026 the authors of hardwire
  Licence: Apache-2.0

uWebSockets.js, https://github.com/uNetworking/uWebSockets.js
  with ${LIBRARIES_OF_ADDON.map(({ name: library, licence }) => `${library} (${licence})`).join(", ")}
  Copyright (C) 2018-2026 Alex Hultman, and the authors of these libraries
  Licence: Apache-2.0, but for what the brackets say

Node.js, https://nodejs.org
  with its libraries
  Copyright and licence: in this folder, ${NOTICES}

On Debian systems the text of the Apache License, version 2.0, is in /usr/share/common-licenses/Apache-2.0; that of the
MIT licence is in ${NOTICES}, too.
`;
}
