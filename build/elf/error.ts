/** The one error this folder throws: a file that is not the ELF file it should be, in one line, the file named first. */

export class ElfError extends Error {
  override readonly name = "ElfError";
  /** EX_DATAERR: what was read is not what it should be. */
  readonly exitCode = 65;

  constructor(file: string, problem: string) {
    super(`${file}: ${problem}`);
  }
}
