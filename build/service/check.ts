/**
 * What the service's rights do not allow though the files ask for it, found at build and not on the device. After the
 * plan, since it knows the credentials and every address.
 */
import type { Problems } from "../diagnostics.ts";
import type { Plan } from "../plan.ts";
import { HIDDEN_PLACES, runtimeDirectory } from "./rights.ts";

/** Folders of /run on Debian. The service's own is given to its user, and removed when it stops. */
const OTHERS_NAMES = ["dbus", "initramfs", "lock", "log", "mount", "network", "shm", "sudo", "systemd", "udev", "user"];

export function checkService(plan: Plan, routes: Problems, target: Problems): void {
  if (plan.service === undefined) return;
  if (OTHERS_NAMES.includes(plan.name)) {
    const message = `the service's runtime directory would be ${runtimeDirectory(plan)}, which is the system's own; choose another name`;
    routes.error("HW1411", ["name"], message);
  }
  checkSockets(plan, routes, target);
  for (const [name, { writes = [] }] of plan.program) {
    for (const folder of writes) {
      const why = whyNotWritten(folder);
      if (why === undefined) continue;
      const message = `the service cannot write to ${folder}, since ${why}; use ${runtimeDirectory(plan)}, or a folder of /var/lib`;
      routes.error("HW1411", ["observability", name], message);
    }
  }
  checkCredentials(plan, target);
}

function whyNotWritten(folder: string): string | undefined {
  const hidden = hiddenPlaceOf(folder);
  if (hidden !== undefined) return `${hidden} is hidden from it`;
  // What it may write is all that is in the folder: "/" or "/etc" would undo ProtectSystem=.
  return folder.lastIndexOf("/") === 0 ? "it would have a right to all that is in there" : undefined;
}

function checkSockets(plan: Plan, routes: Problems, target: Problems): void {
  for (const { name, endpoints } of plan.upstreams) {
    for (const [index, { socketPath }] of endpoints.entries()) {
      const hidden = hiddenPlaceOf(socketPath);
      if (hidden === undefined) continue;
      const message = `the service does not see ${socketPath}, since ${hidden} is hidden from it; put the socket into a folder of /run`;
      routes.error("HW1411", ["upstreams", name, "endpoints", index, "url"], message);
    }
  }
  const folder = runtimeDirectory(plan);
  for (const { name, socketPath } of plan.adminListeners) {
    if (socketPath === "" || socketPath.startsWith(`${folder}/`)) continue;
    const message = `the service cannot make a socket there, but in its runtime directory: write unix:${folder}/${name}.sock`;
    target.error("HW1411", ["listeners", name, "address"], message);
  }
}

function hiddenPlaceOf(path: string): string | undefined {
  return HIDDEN_PLACES.find((place) => `${path}/`.startsWith(`${place}/`));
}

function checkCredentials({ name, credentials, service }: Plan, target: Problems): void {
  const from = service?.credentials;
  if (from === undefined && credentials.length > 0) {
    const advice = `add credentials: { from: /etc/${name}/credentials }, the device's folder with a file for each`;
    const message = `the routes read ${credentials.join(", ")}, and the service has no credentials; ${advice}`;
    target.error("HW1411", ["service"], message, "key");
  } else if (from !== undefined && credentials.length === 0) {
    target.warning("HW1902", ["service", "credentials"], "this has no effect, since the routes read none", "key");
  }
}
