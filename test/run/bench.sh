#!/usr/bin/env bash
# Runs the benchmarks of the end-to-end figures; each prints the floor that was measured in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec go test -run '^$' -bench . -benchtime "${BENCHTIME:-200x}" -timeout 30m ./test/bench/...
