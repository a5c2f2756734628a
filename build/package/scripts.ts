/**
 * What dpkg runs around unpacking (Debian Policy 6). Services are enabled, started and stopped through
 * init-system-helpers, as packages made with debhelper do it, so that what the device's administrator has disabled or
 * forbidden (policy-rc.d) stays so.
 */

export interface Scripts {
  readonly postinst: string;
  readonly prerm: string;
  readonly postrm: string;
}

/** dpkg may also prepare another machine's root, DPKG_ROOT; there and in a chroot nothing is started. */
const HEAD = `#!/bin/sh
set -e
DPKG_ROOT=\${DPKG_ROOT:-}
runs=
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	runs=yes
fi
`;

/**
 * @param hasUpdate whether the executable can take over from the one that runs; else it is restarted
 * @param sysctl the file's name in sysctl.d
 */
export function makeScripts(name: string, hasUpdate: boolean, sysctl: string): Scripts {
  const unit = `${name}.service`;
  return {
    postinst: `${HEAD}
case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

# True if it was never installed before.
if deb-systemd-helper --quiet was-enabled ${unit}; then
	deb-systemd-helper enable ${unit} >/dev/null || true
else
	deb-systemd-helper update-state ${unit} >/dev/null || true
fi
if [ -n "$runs" ]; then
	systemctl --system daemon-reload >/dev/null || true
	# Now as at each boot. In a container the kernel may refuse it, and the service runs nevertheless.
	/lib/systemd/systemd-sysctl ${sysctl} || true
fi
${hasUpdate ? takeOver(name, unit) : restart(name, unit)}`,
    prerm: `${HEAD}
if [ "$1" = remove ] && [ -n "$runs" ]; then
	deb-systemd-invoke stop ${unit} >/dev/null || true
fi
`,
    postrm: `${HEAD}
case "$1" in
remove)
${
  hasUpdate
    ? `	rm -rf "$DPKG_ROOT/opt/${name}" "$DPKG_ROOT/run/${name}.lock"
`
    : ""
}	[ -z "$runs" ] || systemctl --system daemon-reload >/dev/null || true
	;;
purge)
	# Then it may already be gone itself.
	[ ! -x "$DPKG_ROOT/usr/bin/deb-systemd-helper" ] || deb-systemd-helper purge ${unit} >/dev/null || true
	;;
esac
`,
  };
}

function restart(name: string, unit: string): string {
  return `
if [ -n "$runs" ]; then
	if [ -n "$2" ]; then
		deb-systemd-invoke restart ${unit} >/dev/null || ${sayWhereWhy(name)}
	else
		deb-systemd-invoke start ${unit} >/dev/null || ${sayWhereWhy(name)}
	fi
fi

# Slots of a build before that could take over from another: nothing uses them any more.
if [ -L "$DPKG_ROOT/opt/${name}/current" ]; then
	rm -rf "$DPKG_ROOT/opt/${name}"
fi
`;
}

/** Installed it is: what keeps it from starting may be mended on the device. init-system-helpers names no service. */
function sayWhereWhy(name: string): string {
  return `echo "${name}: it does not start; journalctl --unit=${name} says why" >&2`;
}

/** A build that is rolled back leaves the package unconfigured: whoever installs it must get to know. */
function takeOver(name: string, unit: string): string {
  return `
# Into a slot of its own. If another build runs it stands beside that one on trial, then takes over; if it does not do
# well this fails, and the other one goes on.
if [ "$1" = configure ]; then
	"$DPKG_ROOT/usr/lib/${name}/${name}" activate --root "$DPKG_ROOT/" || {
		status=$?
		echo "${name}: what ran before still does. Install its package again, or try this one once more: dpkg --configure ${name}" >&2
		exit $status
	}
fi
if [ -n "$runs" ]; then
	action=start
	# A build without update does not say what it is, and cannot be taken over from.
	if systemctl --quiet is-active ${unit} && [ ! -e /run/${name}/state.json ]; then
		action=restart
	fi
	deb-systemd-invoke $action ${unit} >/dev/null || ${sayWhereWhy(name)}
fi
`;
}
