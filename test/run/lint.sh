#!/usr/bin/env bash
# Runs golangci-lint at one version, built by go install into the user's cache.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=v2.15.0
bin=${XDG_CACHE_HOME:-$HOME/.cache}/livekey/golangci-lint-$version
unset GOEXPERIMENT # the linter needs none, and would build the standard library once more

if [ ! -x "$bin/golangci-lint" ]; then
	echo "building golangci-lint $version into $bin (once, some minutes)" >&2
	GOBIN=$bin go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
fi
if [ $# -eq 0 ]; then
	set -- ./...
	for module in tools/*/go.mod; do
		(cd "${module%/*}" && "$bin/golangci-lint" run --allow-parallel-runners --config "$OLDPWD/.golangci.yml" ./...)
	done
fi
exec "$bin/golangci-lint" run --allow-parallel-runners "$@"
