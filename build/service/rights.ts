/** What the service may do and see: the usual hardening, less what the runtime cannot do without, and what the plan needs. */
import { isIP, isIPv6 } from "node:net";
import type { Plan } from "../plan.ts";
import { type Setting, setting } from "./text.ts";

const PRIVILEGED_PORTS = 1024;

/** Writable for everybody, and not for this service. */
const SHARED_PLACES = ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"];
/** Nothing that others put there is seen by the service: by what is above, ProtectHome= and PrivateDevices=. */
export const HIDDEN_PLACES: readonly string[] = [...SHARED_PLACES, "/home", "/root", "/run/user", "/dev"];

export function runtimeDirectory({ name }: Plan): string {
  return `/run/${name}`;
}

export function userSettings(plan: Plan): Setting[] {
  const { name, service, upstreams, credentials } = plan;
  const sockets = upstreams.flatMap(({ endpoints }) => endpoints).flatMap(({ socketPath }) => socketPath || []);
  const access =
    sockets.length === 0
      ? ""
      : ` It must be let in at ${sockets.join(", ")}: if a group is, add SupplementaryGroups=GROUP in a drop-in.`;
  const user = service?.user;
  return [
    user === undefined
      ? setting("DynamicUser", "yes", `A user that exists while the service runs, and owns nothing.${access}`)
      : setting("User", user, `service.user of the target.${access}`),
    setting(
      "RuntimeDirectory",
      name,
      "The only place where it can write, in memory and gone when it stops; the network library is loaded from here, hence ExecPaths= (some mount /run noexec).",
    ),
    setting("RuntimeDirectoryMode", "0755"),
    setting("ExecPaths", runtimeDirectory(plan)),
    ...writeSettings(plan),
    ...credentials.map((credential) => {
      const { from, areEncrypted } = service!.credentials!;
      return setting(
        `LoadCredential${areEncrypted ? "Encrypted" : ""}`,
        `${credential}:${from.replace(/\/$/, "")}/${credential}`,
      );
    }),
  ];
}

/** Folders of the device that features write files into. */
function writeSettings(plan: Plan): Setting[] {
  const folders = [...plan.program].flatMap(([name, { writes = [] }]) => writes.map((folder) => ({ name, folder })));
  return folders
    .filter(({ folder }) => !`${folder}/`.startsWith(`${runtimeDirectory(plan)}/`))
    .map(({ name, folder }) => setting("ReadWritePaths", `-${folder}`, `For ${name}.`));
}

export function capabilitySettings({ listeners, adminListeners }: Plan): Setting[] {
  const low = [...listeners, ...adminListeners].filter(({ port }) => port > 0 && port < PRIVILEGED_PORTS);
  if (low.length === 0) return [setting("CapabilityBoundingSet", "", "None: no port below 1024 is listened on.")];
  const ports = [...new Set(low.map(({ port }) => port))].sort((a, b) => a - b).join(", ");
  return [
    setting("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE", `For port ${ports}, which other users must not open.`),
    setting("AmbientCapabilities", "CAP_NET_BIND_SERVICE"),
  ];
}

export function fileSettings(): Setting[] {
  return [
    setting("ProtectSystem", "strict"),
    setting(
      "ReadOnlyPaths",
      "/run",
      "systemd 252 leaves it out of ProtectSystem= where ProtectProc= and the like are set.",
    ),
    setting("ProtectHome", "yes"),
    setting("PrivateTmp", "yes"),
    setting(
      "InaccessiblePaths",
      SHARED_PLACES.map((place) => `-${place}`).join(" "),
      "Private or not, it writes to none of them, and would be able to.",
    ),
    setting("PrivateDevices", "yes"),
    setting("PrivateMounts", "yes"),
    setting("ProtectProc", "invisible"),
    setting("ProcSubset", "pid"),
    setting("UMask", "0077"),
  ];
}

export function kernelSettings(): Setting[] {
  return [
    setting("NoNewPrivileges", "yes"),
    setting("ProtectKernelTunables", "yes"),
    setting("ProtectKernelModules", "yes"),
    setting("ProtectKernelLogs", "yes"),
    setting("ProtectControlGroups", "yes"),
    setting("ProtectClock", "yes"),
    setting("ProtectHostname", "yes"),
    setting("RestrictNamespaces", "yes"),
    setting("RestrictRealtime", "yes"),
    setting("RestrictSUIDSGID", "yes"),
    setting("LockPersonality", "yes"),
    setting("RemoveIPC", "yes"),
    setting("KeyringMode", "private"),
    setting(
      "SystemCallArchitectures",
      "native",
      "Not MemoryDenyWriteExecute= and not LimitAS=: V8 makes machine code as it runs, in address space that it reserves.",
    ),
    setting("SystemCallFilter", "@system-service"),
    setting("SystemCallFilter", "~@privileged @resources @setuid @keyring @memlock"),
    setting("SystemCallErrorNumber", "EPERM"),
  ];
}

export function networkSettings(plan: Plan): Setting[] {
  const endpoints = plan.upstreams.flatMap((upstream) => upstream.endpoints);
  const addresses = [...plan.listeners, ...plan.adminListeners, ...endpoints].flatMap(({ host }) => host || []);
  // A name may have addresses of either kind.
  const needsIPv6 = addresses.some((host) => isIPv6(host) || isIP(host) === 0);
  return [
    setting(
      "RestrictAddressFamilies",
      `AF_UNIX AF_INET${needsIPv6 ? " AF_INET6" : ""}`,
      `AF_UNIX is for journal and systemd-notify${needsIPv6 ? "" : "; nothing here has an IPv6 address"}.`,
    ),
    ...filterSettings(plan),
  ];
}

/**
 * The filter holds for both ends: who may not be sent to cannot ask either. So it can only be there where the clients'
 * addresses are known, which is when every listener is on the loopback; and where no upstream is a name.
 */
function filterSettings({ listeners, adminListeners, upstreams }: Plan): Setting[] {
  const own = [...listeners, ...adminListeners].flatMap(({ host }) => host || []);
  const others = upstreams.flatMap(({ endpoints }) => endpoints).flatMap(({ host }) => host || []);
  if (!own.every(isLoopback) || others.some((host) => isIP(host) === 0)) return [];
  const beyond = [...new Set(others.filter((host) => !isLoopback(host)))].sort();
  return [
    setting(
      "IPAddressDeny",
      "any",
      "Every listener is on the loopback and every upstream has a literal address: these are all it talks to.",
    ),
    setting("IPAddressAllow", ["localhost", ...beyond].join(" ")),
  ];
}

function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}
