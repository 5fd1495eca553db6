#!/usr/bin/env bash
# Runs every test. With LIVEKEY_TEST_REQUIRE=all a test that cannot run here fails;
# without, what was not tested is said at the end.
# The last lines are go test's own, unless something was not tested.
set -euo pipefail
cd "$(dirname "$0")/../.."

race=(-race)
if ! command -v "${CC:-gcc}" >/dev/null; then
	echo "no C compiler here: the race detector stays off (\`sudo make deps\` brings one)" >&2
	race=()
fi

skips=$(mktemp)
trap 'rm -f "$skips"' EXIT
export LIVEKEY_TEST=all LIVEKEY_TEST_SKIPS=$skips

# The servers that tests talk to, built once into the user's cache. Some tests alone build what they need.
if [ $# -eq 0 ]; then
	env -u GOEXPERIMENT go run ./test/servers/prebuild
fi

result=0
# The tools that make a release are modules of their own, so that livekey needs none of what they need.
if [ $# -eq 0 ]; then
	for module in tools/*/go.mod; do
		env -u GOEXPERIMENT go -C "${module%/*}" test ./... || result=$?
	done
fi
# Flags of the caller come last: `make test` for all, test/run/test.sh -run Crash ./test/... for some.
[ $# -gt 0 ] || set -- ./...
go test "${race[@]}" -p 2 -timeout 20m "$@" || result=$?

if [ -s "$skips" ]; then
	echo
	echo "NOT tested on this machine:"
	sort -u "$skips" | sed 's/^/  /'
	echo "\`sudo make deps\` brings what a package can; the rest needs root or another machine."
fi
exit "$result"
