#!/bin/bash
# Boots systemd over this machine's own root, in a throwaway overlay: boot.sh DIR NAME CHECKOUT BIN.
# Runs as the first process of a pid and a mount namespace of its own, so that everything here, mounts
# and processes, ends with it. What is left is a cgroup without processes.
set -eu
dir=$1 name=$2 checkout=$3 bin=$4

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
# Nothing that this machine has enabled, and no livekey of its own.
rm -rf "$dir"/root/etc/systemd/system/*.wants "$dir"/root/etc/fstab "$dir"/root/etc/livekey "$dir"/root/var/lib/livekey \
	"$dir"/root/etc/systemd/system/livekey.service* "$dir"/root/usr/local/bin/livekey "$dir"/root/var/log/journal

# The machine may have the old cgroups or both; systemd here gets the new ones.
umount -R /sys/fs/cgroup || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$name"
echo $$ >"/sys/fs/cgroup/$name/cgroup.procs"

exec systemd-nspawn --quiet --directory="$dir/root" --machine="$name" --register=no --keep-unit --private-network \
	--console=pipe --link-journal=no --bind-ro="$checkout:/opt/checkout" --bind-ro="$bin:/opt/bin" \
	/lib/systemd/systemd systemd.unit=basic.target
