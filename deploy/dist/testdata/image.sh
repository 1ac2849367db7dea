#!/bin/sh
# image.sh ROOT VOLUMES MOUNTS USER:GROUP COMMAND… makes of the folder ROOT what a
# container has for its root: read-only, with volumes in memory, /proc, a few
# devices, and a network with a loopback device. MOUNTS are further directories in
# memory, of that user, which are not in the image. COMMAND runs beside it. For unshare
# --mount --net.
set -e

root=$1
volumes=$2
mounts=$3
user=$4
shift 4

mkdir -p "$root/proc" "$root/dev" "$root/tmp"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero random urandom; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
for volume in $volumes; do
	mount -t tmpfs -o "mode=$(stat -c %a "$root$volume"),uid=$(stat -c %u "$root$volume"),gid=$(stat -c %g "$root$volume")" tmpfs "$root$volume"
	[ "$(stat -c %u:%g "$root$volume")" = "$user" ] || {
		echo "$volume does not belong to $user" >&2
		exit 1
	}
done
for directory in $mounts; do
	mkdir -p "$root$directory"
	mount -t tmpfs -o "mode=0750,uid=${user%:*},gid=${user#*:}" tmpfs "$root$directory"
done
mount -o remount,bind,ro "$root"
ip link set lo up
exec "$@"
