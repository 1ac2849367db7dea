#!/bin/sh
# enter.sh FOLDER PACKAGES COMMAND… runs COMMAND in a root that starts as this
# machine is and is thrown away: what COMMAND writes goes into memory. FOLDER is an
# empty directory, PACKAGES appears as /run/dist. The directories in $KEEP are the
# machine's. For unshare --mount, with --net if COMMAND needs no other machine.
set -e

folder=$1
packages=$2
shift 2

mount -t tmpfs -o mode=0755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir "$root/run/dist"
mount --bind "$packages" "$root/run/dist"
for kept in $KEEP; do
	mkdir -p "$root$kept"
	mount --bind "$kept" "$root$kept"
done
ip link set lo up
exec chroot "$root" "$@"
