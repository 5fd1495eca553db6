#!/usr/bin/env bash
# Measures bin/livekey on this machine: each figure beside its floor and its limit.
# Fails if a limit is missed. Further flags go to the measurement: -rotations 1000.
set -euo pipefail
cd "$(dirname "$0")/../../test/bench" # from inside, go test prints while it runs
exec go test -count=1 -timeout 10m -figures "$@"
