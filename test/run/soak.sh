#!/usr/bin/env bash
# Simulates a month, with its outages and crowds, then plays the drill and walks the state machine's random sequences until the time is over.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds() {
	case $1 in
	*h) echo $((${1%h} * 3600)) ;;
	*m) echo $((${1%m} * 60)) ;;
	*) echo "${1%s}" ;;
	esac
}
go test -count=1 -v -timeout 15m ./test/soak -days 30 -herd 1000
end=$((SECONDS + $(seconds "${1:-10m}")))
round=0
while [ $SECONDS -lt $end ]; do
	round=$((round + 1))
	out=$(bin/livekey drill 2>&1) || { printf '%s\n' "$out"; echo "round $round: the drill failed" >&2; exit 1; }
	# A seed of its own each round; go test would otherwise answer from its cache.
	out=$(go test -count=1 ./rotation/... ./internal/schedule/... ./internal/journal/... 2>&1) ||
		{ printf '%s\n' "$out"; echo "round $round: the property tests failed" >&2; exit 1; }
	echo "round $round: every promise kept, $((end > SECONDS ? end - SECONDS : 0)) s to go"
done
