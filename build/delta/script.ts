/**
 * An update as a shell script with its data behind it: what a device applies with nothing but a POSIX shell, dd, head,
 * tail, gunzip and sha256sum, which even a BusyBox has, in memory that does not depend on the file's size.
 *
 * Not `zstd --patch-from`, though some bytes smaller: its decoder needs the whole old file as its window, 83 MB on a
 * device that may have 96, and devices have no zstd.
 */
import { gzipSync } from "node:zlib";
import type { Piece } from "./pieces.ts";

export interface Version {
  /** For people: "plant, hardwire 0.1.0"; no line break. */
  readonly label: string;
  readonly sha256: string;
}

/** @returns the script, the same for the same input */
export function writeScript(old: Version, fresh: Version, data: Buffer, pieces: readonly Piece[]): Buffer {
  const own = pieces.filter(({ from }) => from === "new");
  const packed = gzipSync(Buffer.concat(own.map(({ offset, length }) => data.subarray(offset, offset + length))), {
    level: 9,
  });
  let ownAt = 0;
  const copies = pieces.map(({ from, offset, length }) => {
    if (from === "old") return `  copy "$old" ${offset} ${length}`;
    const line = `  copy "$new.own" ${ownAt} ${length}`;
    ownAt += length;
    return line;
  });
  // The script says itself where it ends, so its length must not depend on the number that says so.
  const text = (end: string) => renderScript(old, fresh, copies.join("\n"), end.padEnd(8));
  const end = String(text("").length + 1);
  return Buffer.concat([Buffer.from(text(end), "latin1"), packed]);
}

function renderScript(old: Version, fresh: Version, copies: string, end: string): string {
  return `#!/bin/sh
# An update of a gateway, made by hardwire:  sh FILE OLD NEW
#   from  ${old.sha256}  ${old.label}
#   to    ${fresh.sha256}  ${fresh.label}
# Reads OLD and writes NEW, which may be OLD itself: it takes its name when it is whole and its hash is right.
# Exit codes: 0 done, 64 wrong usage, 65 OLD is not what this is for, 66 OLD cannot be read, 74 NEW cannot be written.
set -eu
fail() {
  echo "\${0##*/}: $2" >&2
  exit "$1"
}
[ $# -eq 2 ] || fail 64 "usage: sh $0 OLD NEW"
old=$1 new=$2
[ -r "$old" ] && [ -f "$old" ] || fail 66 "cannot read $old"
[ ! -d "$new" ] || fail 64 "$new is a folder"
[ "$(sha256sum <"$old")" = "${old.sha256}  -" ] || fail 65 "$old is not the file this update is for"
trap 'rm -f "$new.own" "$new.part"' EXIT
trap 'exit 74' HUP INT TERM
# copy FILE OFFSET LENGTH
copy() {
  dd if="$1" bs=65536 skip=$(($2 / 65536)) 2>/dev/null | tail -c +$(($2 % 65536 + 1)) | head -c "$3"
}
tail -c +${end} "$0" | gunzip >"$new.own" || fail 74 "cannot write $new.own"
{
${copies}
} >"$new.part" || fail 74 "cannot write $new.part"
[ "$(sha256sum <"$new.part")" = "${fresh.sha256}  -" ] || fail 74 "$new.part is not what it must be: disk full?"
chmod 755 "$new.part"
sync
mv -f "$new.part" "$new" || fail 74 "cannot write $new"
exit 0
`;
}
