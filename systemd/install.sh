#!/bin/sh
# Installs livekey as a systemd service from a checkout: the binary, its manual, completions, the unit, user and folders.
# It starts nothing. DESTDIR stages the files for a package and leaves the running system alone;
# PREFIX is /usr/local, or /usr for a package; BIN is the binary, bin/livekey; COMPLETE_WITH is one that runs here,
# where that one is for another machine.
set -eu
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
bin=${BIN:-bin/livekey}
complete=${COMPLETE_WITH:-$bin}
root=${DESTDIR:-}$prefix

[ -x "$bin" ] || { echo "$bin is not there: \`make build\` makes it" >&2; exit 1; }
install -D -m 0755 "$bin" "$root/bin/livekey"
install -D -m 0644 systemd/livekey.service "$root/lib/systemd/system/livekey.service"
install -D -m 0644 -t "$root/lib/systemd/system" systemd/livekey-holders.service systemd/livekey-holders.socket
install -D -m 0644 systemd/livekey.sysusers "$root/lib/sysusers.d/livekey.conf"
install -D -m 0644 systemd/livekey.tmpfiles "$root/lib/tmpfiles.d/livekey.conf"
install -D -m 0644 -t "$root/share/man/man1" cmd/livekey/man/*.1
install -D -m 0644 -t "$root/share/man/man5" cmd/livekey/man/*.5
complete() { # SHELL FILE
	install -d "$root/share/${2%/*}"
	"$complete" completion "$1" >"$root/share/$2"
	chmod 0644 "$root/share/$2"
}
complete bash bash-completion/completions/livekey
complete zsh zsh/site-functions/_livekey
complete fish fish/vendor_completions.d/livekey.fish
[ -z "${DESTDIR:-}" ] || exit 0

systemd-sysusers "$root/lib/sysusers.d/livekey.conf"
systemd-tmpfiles --create "$root/lib/tmpfiles.d/livekey.conf"
systemctl daemon-reload
