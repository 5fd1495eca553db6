#!/usr/bin/env bash
# Builds livekey for each architecture and packs the image into build/livekey-image.tar, an
# OCI archive. The same commit gives the same bytes, wherever it is built.
#
#	NAME=ghcr.io/example/livekey:1.0 make image
#	skopeo copy --all oci-archive:build/livekey-image.tar docker://ghcr.io/example/livekey:1.0
#
# OUT is where it is written, ARCHS what it is built for. The bills of materials are inside,
# in /usr/share/sbom.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${OUT:-build/livekey-image.tar}
archs=${ARCHS:-amd64 arm64}
limit=30 # MB of each architecture's program, before it is compressed
mkdir -p "$(dirname "$out")"
out=$(realpath "$out")

# What git knows goes into the labels; without git nothing is claimed.
vcs=false labels=() created=0
if revision=$(git rev-parse HEAD 2>/dev/null); then
	vcs=true
	created=$(git show --no-patch --format=%ct)
	labels+=(-label "org.opencontainers.image.revision=$revision")
	labels+=(-label "org.opencontainers.image.version=$(git describe --tags --always --dirty)")
fi

# Tools are for this machine, whatever is built, and without experiments.
tool() {
	local name=$1
	shift
	(cd "tools/$name" && env -u GOOS -u GOARCH -u GOEXPERIMENT go run . "$@")
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
contents=()
for arch in $archs; do
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOEXPERIMENT=${GOEXPERIMENT-runtimesecret} \
		go build -trimpath -buildvcs=$vcs -ldflags '-s -w' -o "$work/$arch" ./cmd/livekey
	[ "$(stat -c %s "$work/$arch")" -le $((limit << 20)) ] || { echo "livekey for $arch is larger than $limit MB" >&2; exit 1; }
	mkdir "$work/$arch.sbom"
	for format in cdx spdx; do
		tool sbom -binary "$work/$arch" -source "$PWD" -format $format -o "$work/$arch.sbom/livekey.$format.json"
	done
	contents+=(-binary "$arch=$work/$arch" -sbom "$arch=$work/$arch.sbom")
done

tool image -o "$out" ${NAME:+-name "$NAME"} \
	-created "${SOURCE_DATE_EPOCH:-$created}" "${contents[@]}" "${labels[@]}" \
	-label 'org.opencontainers.image.description=Proves API keys with their issuers and delivers only those that live' \
	-label org.opencontainers.image.licenses=Apache-2.0 \
	-label org.opencontainers.image.source=https://github.com/livekey/livekey \
	-label org.opencontainers.image.documentation=https://github.com/livekey/livekey/tree/main/docs
echo "$out"
