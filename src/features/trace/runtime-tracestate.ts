/** Whether a tracestate may be passed on (W3C Trace Context 3.3); it is never changed. */

const CHARS_MAX = 512;
const MEMBERS_MAX = 32;
/** key=value, blanks around it, and the comma after it. May be empty; the value may begin with blanks but not end so. */
const MEMBER = /[ \t]*(?:[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~][ \t]*)?(?:,|$)/y;

const EQUALS = 0x3d;

/** All of it or nothing: what is wrong in one place, no server behind reads as its sender meant it. */
export function isTracestate(text: string): boolean {
  if (text.length > CHARS_MAX) return false;
  for (let at = 0; at < text.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    if (!MEMBER.test(text)) return false;
  }
  const members = countEquals(text);
  return members > 0 && members <= MEMBERS_MAX;
}

/** Each member has one, if it is not empty. */
function countEquals(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === EQUALS) count += 1;
  return count;
}
