#!/usr/bin/env bash
# Measures bin/livekey on this machine: each figure beside its floor, or the program that
# it is compared with, and its limit. Fails if a limit is missed. Takes twenty minutes, ten of
# them for an outage (OUTAGE=1m make bench shortens it). Further flags go to the measurement:
#
#	test/run/bench.sh -run 'Thousand(Start|Idle)' -rotations 1000
set -euo pipefail
cd "$(dirname "$0")/../../test/bench" # from inside, go test prints while it runs
exec go test -count=1 -timeout 40m -figures ${OUTAGE:+-outage "$OUTAGE"} "$@"
