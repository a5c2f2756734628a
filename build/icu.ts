/**
 * Takes the human languages out of ICU's data, 33 MB of the runtime: names of months and countries, sorting, word
 * boundaries, and tables of old character sets. What concerns no language stays, byte for byte; ICU is made for this
 * ("ICU Data Build Tool": leaving items out), and answers for a missing item as for one that never was.
 *
 * In the packed runtime, then: time zones, Unicode normalisation, properties in regular expressions, IDNA, UTF-8,
 * UTF-16 and Latin-1 are as in any Node. `Intl` objects, localeCompare and toLocaleString throw or end the process, so
 * build/gate.ts refuses them; other encodings of TextDecoder throw. Node itself uses them only for `node --help`, watch
 * mode and the test runner.
 *
 * The archive (ICU, ucmndata.h): a header whose first two bytes are its length; then a count, that many pairs of
 * offsets of a name and an item, the names, the items at multiples of 16, all offsets from the count.
 */

/** All items that are in no language's name and that JavaScript or Node can reach. */
const KEPT: ReadonlySet<string> = new Set([
  "cnvalias.icu", // names of encodings, those that are code
  "icustd.res",
  "icuver.res",
  "nfkc.nrm", // String.normalize; NFC is code
  "nfkc_cf.nrm",
  "nfkc_scf.nrm",
  "timezoneTypes.res",
  "uemoji.icu", // \p{RGI_Emoji}
  "uts46.nrm",
  "zoneinfo64.res", // Date's local time
]);

/** @throws Error if it is no such archive, or has not all that must stay */
export function neutralise(archive: Buffer): Buffer {
  const start = archive.readUInt16LE(0);
  if (archive.readUInt16LE(2) !== 0x27da || archive.toString("latin1", 12, 16) !== "CmnD") {
    throw new Error("the runtime's ICU data is not the archive it was");
  }
  const count = archive.readUInt32LE(start);
  const field = (index: number) => start + archive.readUInt32LE(start + 4 + index * 4);
  const items = Array.from({ length: count }, (_, index) => {
    const nameAt = field(index * 2);
    const end = index + 1 < count ? field(index * 2 + 3) : archive.length;
    const name = archive.toString("latin1", nameAt, archive.indexOf(0, nameAt));
    return { name, bytes: archive.subarray(field(index * 2 + 1), end) };
  });
  // "icudt78l/uts46.nrm"; those in folders below are all of some language.
  const kept = items.filter(({ name }) => KEPT.has(name.slice(name.indexOf("/") + 1)));
  if (kept.length !== KEPT.size) throw new Error("the runtime's ICU data has not all that must stay");
  return Buffer.concat([archive.subarray(0, start), encodeItems(kept)]);
}

function encodeItems(items: readonly { readonly name: string; readonly bytes: Buffer }[]): Buffer {
  const names = Buffer.from(items.map(({ name }) => `${name}\0`).join(""), "latin1");
  const table = Buffer.alloc(4 + items.length * 8);
  table.writeUInt32LE(items.length, 0);
  const parts: Buffer[] = [table, names];
  let nameAt = table.length;
  let end = table.length + names.length;
  items.forEach(({ name, bytes }, index) => {
    const at = Math.ceil(end / 16) * 16;
    table.writeUInt32LE(nameAt, 4 + index * 8);
    table.writeUInt32LE(at, 8 + index * 8);
    parts.push(Buffer.alloc(at - end), bytes);
    nameAt += name.length + 1;
    end = at + bytes.length;
  });
  return Buffer.concat(parts);
}
