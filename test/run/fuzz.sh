#!/usr/bin/env bash
# Runs each fuzz target of the module for the time given: go test fuzzes one at a time.
set -euo pipefail
cd "$(dirname "$0")/../.."

time=${1:-20s}
found=$(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . || true)
[ -n "$found" ] || { echo "no fuzz target found" >&2; exit 1; }
while IFS=: read -r file _ func; do
	name=${func#func }
	echo "== $name (${file%/*})"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "${file%/*}"
done <<<"$found"
