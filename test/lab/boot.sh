#!/bin/sh
# Boots a machine of the lab: first process of a PID and a mount namespace of its own, so that nothing of it outlives
# this process and no mount is ever seen outside. Arguments: the folders that make up its root (only read, the upper ones
# first, with colons between), a folder for what the machine writes, the name of its cgroups, then more for
# systemd-nspawn.
set -eu
layers=$1 disk=$2 name=$3
shift 3

# Without a cgroup of its own two machines would share one tree.
for group in /sys/fs/cgroup/*/"$name" /sys/fs/cgroup/"$name"; do
  [ ! -e "$group/cgroup.procs" ] || echo 0 >"$group/cgroup.procs"
done
# In a user namespace overlayfs may keep notes of its own only so.
mount -t overlay overlay -o "userxattr,lowerdir=$layers,upperdir=$disk/upper,workdir=$disk/work" "$disk/merged"
# systemd-nspawn would leave folders in the host's.
mount -t tmpfs tmpfs /run

# nspawn leaves cgroups of version 1 read-only; with these two, systemd keeps MemoryMax= and TasksMax= for real.
systemd-nspawn --quiet --directory="$disk/merged" --machine="$name" --private-network --register=no --keep-unit \
  --console=pipe --link-journal=no --resolv-conf=off --timezone=off --kill-signal=SIGRTMIN+3 "$@" \
  /bin/sh -c 'for controller in memory pids; do
    [ ! -d "/sys/fs/cgroup/$controller" ] || mount -o remount,bind,rw "/sys/fs/cgroup/$controller"
  done
  exec /lib/systemd/systemd'
