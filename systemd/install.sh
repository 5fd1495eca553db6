#!/bin/sh
# Installs livekey as a systemd service from a checkout: the binary, its manual, the unit, user and folders.
# It starts nothing. DESTDIR stages the files for a package and leaves the running system alone;
# PREFIX is /usr/local, or /usr for a package; BIN is the binary, bin/livekey.
set -eu
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
bin=${BIN:-bin/livekey}
root=${DESTDIR:-}$prefix

[ -x "$bin" ] || { echo "$bin is not there: \`make build\` makes it" >&2; exit 1; }
install -D -m 0755 "$bin" "$root/bin/livekey"
install -D -m 0644 systemd/livekey.service "$root/lib/systemd/system/livekey.service"
install -D -m 0644 -t "$root/lib/systemd/system" systemd/livekey-holders.service systemd/livekey-holders.socket
install -D -m 0644 systemd/livekey.sysusers "$root/lib/sysusers.d/livekey.conf"
install -D -m 0644 systemd/livekey.tmpfiles "$root/lib/tmpfiles.d/livekey.conf"
install -D -m 0644 -t "$root/share/man/man1" cmd/livekey/man/*.1
[ -z "${DESTDIR:-}" ] || exit 0

systemd-sysusers "$root/lib/sysusers.d/livekey.conf"
systemd-tmpfiles --create "$root/lib/tmpfiles.d/livekey.conf"
systemctl daemon-reload
