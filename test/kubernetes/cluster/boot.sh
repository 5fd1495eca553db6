#!/bin/bash
# The first process of a cluster: boot.sh DIR. It has pid, mount and network namespaces of its
# own, so every mount, process and address below ends with it; then it waits, and reaps what
# loses its parent. What is left on this machine is cgroups without processes.
set -eu
dir=$1

mount --make-rprivate /
mount -t proc proc /proc
# All that the node writes is in memory, and containers' mounts spread no further than here.
mount -t tmpfs -o mode=0755 tmpfs "$dir"
mount --make-rshared "$dir"
mkdir "$dir"/{run,log,cni,etcd}
mount --bind "$dir/run" /run
mount --bind "$dir/log" /var/log

# A node has an address that is not loopback; the API answers at the first of its services'.
ip link set lo up
ip address add 192.0.2.2/32 dev lo
ip address add 10.96.0.1/32 dev lo

# The kubelet sets these for the whole machine. It finds them as it wants them, and not the machine's own.
while read -r name value; do
	file=$dir/${name//\//.}
	echo "$value" >"$file"
	mount --bind "$file" "/proc/sys/$name"
done <<'END'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

# Nobody asks a network plug-in for anything, but containerd wants to have one.
echo '{"cniVersion":"0.4.0","name":"none","plugins":[{"type":"none"}]}' >"$dir/cni/none.conflist"
touch "$dir/booted"
while sleep 3600; do :; done
