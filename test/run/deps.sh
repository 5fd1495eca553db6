#!/usr/bin/env bash
# Installs the system packages that tests use. Does nothing, and needs no root, when all are there.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

# What must be there, and the Debian package that brings it: a program, or a file by its pattern.
needs='
bash                   bash
dash                   dash
gcc                    gcc
/usr/include/stdlib.h  libc6-dev
git                    git
mkfs.ext4              e2fsprogs
mount                  mount
curl                   curl
node                   nodejs
mkdocs                 mkdocs
/usr/share/mkdocs/themes/material/mkdocs_theme.yml  mkdocs-material
nginx                  nginx
npm                    npm
python3                python3
strace                 strace
tmux                   tmux
promtool               prometheus
prometheus-alertmanager prometheus-alertmanager
/usr/lib/postgresql/*/bin/postgres  postgresql
mariadbd               mariadb-server-core
mariadb-install-db     mariadb-server-core
my_print_defaults      mariadb-client-core
redis-server           redis-server
/usr/lib/*/systemd/libsystemd-shared-*.so  libsystemd-shared
/usr/lib/python3/dist-packages/dotenv/main.py  python3-dotenv
systemd-analyze        systemd
systemd-nspawn         systemd-container
/usr/lib/polkit-1/polkitd  polkitd
dbus-daemon            dbus
useradd                passwd
containerd             containerd
runc                   runc
ip                     iproute2
nsenter                util-linux
dpkg                   dpkg
lintian                lintian
make                   make
rpm                    rpm
unshare                util-linux
install                coreutils
'

missing=()
while read -r thing package; do
	[ -n "$thing" ] || continue
	case $thing in
	/*) compgen -G "$thing" >/dev/null || missing+=("$package") ;;
	*) command -v "$thing" >/dev/null || missing+=("$package") ;;
	esac
done <<<"$needs"

if [ ${#missing[@]} -eq 0 ]; then
	echo "every package that the tests use is installed"
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "install with this system's package manager what Debian calls: ${missing[*]}" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "not root, so nothing was installed; missing: ${missing[*]} (\`sudo make deps\`)" >&2
	exit 1
fi
# A server is for tests to start: what a package would start now stays off.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
