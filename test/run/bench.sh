#!/usr/bin/env bash
# Runs the end-to-end benchmarks, one at a time; each prints its floor, measured in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec go test -p 1 -run '^$' -bench . -timeout 30m ./test/...
