/** Node's fast string methods of Buffer, which its types leave out: they skip the look-up of an encoding's name. */
declare global {
  interface Buffer {
    latin1Write(text: string, offset?: number, length?: number): number;
    utf8Write(text: string, offset?: number, length?: number): number;
    latin1Slice(start?: number, end?: number): string;
    hexSlice(start?: number, end?: number): string;
  }
}

export {};
