/** The kernel settings that a plan's executable needs on its device, for /usr/lib/sysctl.d or /etc/sysctl.d. */
import { isIPv6 } from "node:net";
import type { Plan } from "../plan.ts";
import { comment, render, type Setting, setting } from "./text.ts";

/** What uWebSockets.js asks for each listener. */
const BACKLOG = 512;
/** The kernel's own value for net.core.somaxconn since 5.4: less would take something from other programs. */
const BACKLOG_MAX = 4096;

export function makeSysctl(plan: Plan): string {
  const head = `${plan.name}.sysctl.conf, made by hardwire from the routes and target files: it goes into /usr/lib/sysctl.d or /etc/sysctl.d as 60-${plan.name}.conf. A dash before a setting: kernels without it are fine.`;
  return `${comment(head)}\n${settingsOf(plan)
    .map((each) => render([each], " = "))
    .join("\n")}`;
}

function settingsOf(plan: Plan): Setting[] {
  return [
    setting(
      "net.core.somaxconn",
      BACKLOG_MAX,
      `Connections that wait to be accepted, for each listener. The executable asks for ${BACKLOG}, and kernels before 5.4 grant 128: a burst beyond that would wait a second for its SYN to be repeated. The newer kernels' own value, so that nobody gets less.`,
    ),
    setting(
      "net.ipv4.tcp_max_syn_backlog",
      BACKLOG_MAX,
      "Connections whose handshake is not complete. A device with little memory starts with 128, and with SYN cookies off new clients are turned away when three quarters of them are taken by slow links or by a flood.",
    ),
    ...migrateSettings(plan),
    ...bindSettings(plan),
  ];
}

function migrateSettings({ update }: Plan): Setting[] {
  if (update === undefined) return [];
  return [
    setting(
      "-net.ipv4.tcp_migrate_req",
      1,
      "When a build on trial is called back, what waits in its queue goes to the one before instead of being reset (Linux 5.14 and newer).",
    ),
  ];
}

/** Addresses of one interface are not there yet when a device boots without a cable or a lease. */
function bindSettings({ listeners, adminListeners }: Plan): Setting[] {
  const hosts = [...listeners, ...adminListeners].flatMap(({ host }) => (isOfInterface(host) ? host : []));
  return [4, 6].flatMap((version) => {
    const own = [...new Set(hosts.filter((host) => isIPv6(host) === (version === 6)))];
    if (own.length === 0) return [];
    const why = `${own.join(", ")} may come later than the service, with a cable or a lease: it listens there all the same, instead of giving up.`;
    return [setting(`-net.ipv${version}.ip_nonlocal_bind`, 1, why)];
  });
}

function isOfInterface(host: string): boolean {
  return host !== "" && host !== "0.0.0.0" && host !== "::" && host !== "::1" && !host.startsWith("127.");
}
