/** The container of a .deb: an ar archive (deb(5), ar(5)), of files with one time and no owner. */

export interface Member {
  /** At most 15 characters. */
  readonly name: string;
  readonly data: Buffer;
}

const MODE = "100644";

export function makeAr(members: readonly Member[], timeS: number): Buffer {
  const pieces = members.flatMap(({ name, data }) => [
    Buffer.from(header(name, data.length, timeS), "latin1"),
    data,
    // Each header stands at an even offset.
    Buffer.alloc(data.length % 2, "\n"),
  ]);
  return Buffer.concat([Buffer.from("!<arch>\n", "latin1"), ...pieces]);
}

function header(name: string, bytes: number, timeS: number): string {
  const fields = [name.padEnd(16), `${timeS}`.padEnd(12), "0".padEnd(6), "0".padEnd(6), MODE.padEnd(8)];
  return `${fields.join("")}${`${bytes}`.padEnd(10)}\`\n`;
}
