#!/bin/sh
# First process of a user namespace, which has a binfmt_misc of its own: lets qemu run arm64 executables within it and
# nowhere else on this host. Says a line when it runs, waits for one until its user numbers are mapped, then becomes its
# arguments.
set -eu
echo started
read -r _
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
# The exec before this one, in which it became root here, has made the kernel forget what it was told.
exec setpriv --pdeathsig KILL "$@" </dev/null
