#!/usr/bin/env bash
# Makes the packages of one version in build/: deb, rpm, apk and tar.gz, the bills of materials, SHA256SUMS.
#
#   VERSION=1.2.3     instead of the version that git knows, which the binary has
#   ARCHS="amd64"     instead of amd64 and arm64
#   FORMATS="deb"     instead of deb rpm apk tar.gz cdx.json spdx.json
#   OUT=dir           instead of build
#
# The same checkout gives the same bytes wherever it is: nothing here asks a clock, a host name or a user.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC

nfpm_version=v2.45.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/livekey/nfpm-$nfpm_version
out=${OUT:-build}
read -ra archs <<<"${ARCHS:-amd64 arm64}"
read -ra formats <<<"${FORMATS:-deb rpm apk tar.gz cdx.json spdx.json}"
work=$(mktemp -d)
stage=$work/stage
trap 'rm -rf "$work"' EXIT

if [ ! -x "$tools/nfpm" ]; then
	echo "building nfpm $nfpm_version into $tools (once, a minute)" >&2
	env -u GOEXPERIMENT CGO_ENABLED=0 GOBIN="$tools" go install "github.com/goreleaser/nfpm/v2/cmd/nfpm@$nfpm_version"
fi
[[ ${formats[*]} != *.json* ]] || env -u GOEXPERIMENT CGO_ENABLED=0 go -C tools/sbom build -trimpath -buildvcs=false -o "$work/sbom" .

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# of FILE prints the version that a binary was built as, without the v.
of() { go version -m "$1" | awk '$1 == "mod" { sub(/^v/, "", $3); print $3 }'; }

# split VERSION sets VERSION, PRERELEASE and FULL as every kind of package can take them: 1.2.3-rc.1 is 1.2.3 and rc1; a
# commit that has no tag, 1.2.3-0.20060102150405-abcdef123456, is 1.2.3 and git20060102150405.
split() {
	local version=${1%%+*} rest
	case $version in
	"" | *devel*) version=0.0.0 ;;
	esac
	VERSION=${version%%-*} PRERELEASE= rest=
	[ "$VERSION" = "$version" ] || rest=${version#*-}
	if [[ $rest =~ (^|\.)([0-9]{14})-[0-9a-f]{12}$ ]]; then
		PRERELEASE=git${BASH_REMATCH[2]}
	else
		PRERELEASE=${rest//[^0-9a-z]/}
	fi
	FULL=$VERSION${PRERELEASE:+-$PRERELEASE}
}

# stage ARCH puts the files of a package below $stage: common to all, with systemd, Debian's own and all others' own.
stage() {
	local common=$stage/common systemd=$stage/systemd debian=$stage/debian elsewhere=$stage/elsewhere
	rm -rf "$stage"
	DESTDIR=$common PREFIX=/usr BIN=$work/livekey-$1 COMPLETE_WITH=$work/livekey-$host systemd/install.sh
	install -D -m 0644 -t "$common/usr/share/doc/livekey" README.md configs/reference.yaml
	find "$common/usr/share/man" -name '*.[15]' -exec gzip -9n {} +

	mkdir -p "$systemd/usr"
	mv "$common/usr/lib" "$systemd/usr/lib"

	# Debian keeps licenses and completions of zsh elsewhere than others do.
	install -D -m 0644 "$common/usr/share/zsh/site-functions/_livekey" "$elsewhere/usr/share/zsh/site-functions/_livekey"
	install -D -m 0644 LICENSE "$elsewhere/usr/share/licenses/livekey/LICENSE"
	install -D -m 0644 "$common/usr/share/zsh/site-functions/_livekey" "$debian/usr/share/zsh/vendor-completions/_livekey"
	rm -r "$common/usr/share/zsh"
	install -D -m 0644 packaging/deb/copyright "$debian/usr/share/doc/livekey/copyright"
	install -D -m 0644 packaging/deb/lintian-overrides "$debian/usr/share/lintian/overrides/livekey"
	changelog | gzip -9n >"$debian/usr/share/doc/livekey/changelog.gz"

	# nfpm takes times from files, those of scripts too.
	cp -R packaging "$stage/packaging"
	install -D -m 0644 configs/installed.yaml "$stage/configs/installed.yaml"
	find "$stage" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
}

changelog() {
	printf 'livekey (%s) unstable; urgency=medium\n\n  * What changed: CHANGELOG.md of https://github.com/livekey/livekey\n\n' "${FULL/-/\~}"
	printf ' -- livekey <livekey@users.noreply.github.com>  %s\n' "$(date -R -d "@$SOURCE_DATE_EPOCH")"
}

# tarball FILE is what is unpacked below /usr/local or anywhere else.
tarball() {
	local name
	name=$(basename "$1" .tar.gz)
	mkdir "$work/$name"
	cp -R "$stage/common/usr/." "$stage/systemd/usr/." "$stage/elsewhere/usr/." "$work/$name"
	cp LICENSE README.md "$work/$name"
	install -D -m 0644 configs/installed.yaml "$work/$name/etc/livekey/livekey.yaml"
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="@$SOURCE_DATE_EPOCH" --format=ustar -cf - "$name" |
		gzip -9n >"$1"
}

build() { # GOARCH FILE
	GOARCH=$1 CGO_ENABLED=0 GOOS=linux make -s build BIN="$2"
}

asked=${VERSION:-}
mkdir -p "$out"
out=$(realpath "$out")
host=$(go env GOHOSTARCH)
build "$host" "$work/livekey-$host" # also where it is not asked for: it writes the completions
split "${asked:-$(of "$work/livekey-$host")}"
export VERSION PRERELEASE
files=()
for ARCH in "${archs[@]}"; do
	export ARCH
	if [ "$ARCH" != "$host" ]; then
		build "$ARCH" "$work/livekey-$ARCH"
	fi
	stage "$ARCH"
	for format in "${formats[@]}"; do
		file=livekey-$FULL-linux-$ARCH.$format
		case $format in
		tar.gz) tarball "$out/$file" ;;
		*.json) "$work/sbom" -binary "$work/livekey-$ARCH" -format "${format%.json}" -o "$out/$file" ;;
		*) (cd "$stage" && "$tools/nfpm" package --config packaging/nfpm.yaml --packager "$format" --target "$out/$file" >/dev/null) ;;
		esac
		files+=("$file")
	done
done
(cd "$out" && sha256sum "${files[@]}" >SHA256SUMS)
echo "$out has ${#files[@]} files of livekey $FULL, and their SHA256SUMS"
