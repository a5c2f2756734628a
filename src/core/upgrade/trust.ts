/** Whether only root, or who runs this, could have put a file where it is: else it is neither executed nor written to. */
import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

const WRITABLE_BY_OTHERS = 0o022;
/** In such a folder, like /tmp, nobody can replace what is another's. */
const STICKY = 0o1000;

/** "" if so, else the reason. `path` must exist. @throws Error of the file system */
export function whyUntrusted(path: string): string {
  const real = realpathSync(path);
  for (let at = real; ; at = dirname(at)) {
    const { uid, mode } = lstatSync(at);
    if (uid !== 0 && uid !== process.geteuid?.()) return `${at} belongs to user ${uid}`;
    const isShared = (mode & WRITABLE_BY_OTHERS) !== 0 && ((mode & STICKY) === 0 || at === real);
    if (isShared) return `${at} is writable by others`;
    if (at === "/") return "";
  }
}
