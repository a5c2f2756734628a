/** Stand-in until build/service writes them. */
import type { Plan } from "../plan.ts";

export function serviceFiles({ name, update }: Plan): { readonly unit: string; readonly sysctl: string } {
  const program = update === undefined ? `/usr/lib/${name}/${name}` : `/opt/${name}/current/${name}`;
  return {
    unit: `[Unit]
Description=API gateway ${name}
After=network.target

[Service]
Type=notify
NotifyAccess=all
ExecStart=${program}
DynamicUser=yes
RuntimeDirectory=${name}
Restart=on-failure

[Install]
WantedBy=multi-user.target
`,
    sysctl: "net.core.somaxconn = 4096\n",
  };
}
