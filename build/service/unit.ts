/** The systemd unit of a plan: exactly the rights that this executable needs, each number from the plan. */
import type { Plan } from "../plan.ts";
import { countSettings, memorySettings, restartSettings, startLimitSettings, timeSettings } from "./limits.ts";
import { capabilitySettings, fileSettings, kernelSettings, networkSettings, userSettings } from "./rights.ts";
import { comment, render, type Setting, setting } from "./text.ts";

/** Where a device has the executable: in a slot of its own with `update`, else where packages put it. */
export function executablePath({ name, update }: Plan): string {
  return update === undefined ? `/usr/lib/${name}/${name}` : `/opt/${name}/current/${name}`;
}

export function makeUnit(plan: Plan): string {
  const { name } = plan;
  const head = `${name}.service, made by hardwire from the routes and target files, as the executable was. Every number is theirs: build it again instead of editing it. What one device needs beside it goes into a drop-in there: systemctl edit ${name}`;
  return [
    comment(head),
    section("Unit", [
      setting("Description", `${name}, an HTTP gateway`),
      setting(
        "After",
        "network.target",
        "Not network-online.target: a device whose network is down starts all the same.",
      ),
      ...startLimitSettings(plan),
    ]),
    section("Service", [
      setting("Type", "notify"),
      setting(
        "NotifyAccess",
        "all",
        "Node has no datagram sockets of AF_UNIX, so systemd-notify, a child, brings the messages.",
      ),
      setting("ExecStart", executablePath(plan), "Its configuration is compiled in."),
      ...reloadSettings(plan),
      ...stopSettings(plan),
      setting(
        "KillMode",
        "mixed",
        plan.update === undefined
          ? "Only the main process is asked to stop: it drains."
          : "Only the main process is asked to stop: it drains, and asks the other one if two builds are there.",
      ),
      ...restartSettings(plan),
    ]),
    group("Times", timeSettings(plan)),
    group("What it may take", [...memorySettings(plan), ...countSettings(plan)]),
    group("Who it is, and what it may write", userSettings(plan)),
    group("Whom it may talk to", [...capabilitySettings(plan), ...networkSettings(plan)]),
    group("What it may see and do", [...fileSettings(), ...kernelSettings()]),
    section("Install", [setting("WantedBy", "multi-user.target")]),
  ].join("\n");
}

function section(name: string, settings: readonly Setting[]): string {
  return `[${name}]\n${render(settings, "=")}`;
}

function group(title: string, settings: readonly Setting[]): string {
  return `# ---- ${title}\n${render(settings, "=")}`;
}

function reloadSettings({ credentials }: Plan): Setting[] {
  if (credentials.length === 0) return [];
  return [
    setting(
      "ExecReload",
      "/bin/sh -c 'kill -HUP $MAINPID'",
      "It reads the credentials again. systemd copies them when it starts the service, and only from version 260 on again when it reloads it (RefreshOnReload=credentials in a drop-in): before, new ones need a restart.",
    ),
  ];
}

function stopSettings({ update }: Plan): Setting[] {
  if (update === undefined) return [];
  return [
    setting(
      "ExecStop",
      `/bin/sh -c 'if [ -n "$MAINPID" ]; then kill -TERM $MAINPID; while kill -0 $MAINPID 2>/dev/null; do sleep 0.1; done; fi'`,
      "A build that has taken over from another was not systemd's child when it became the main process. systemd would not wait for it to drain, but kill it at once.",
    ),
  ];
}
