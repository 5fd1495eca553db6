package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhoIsTold(t *testing.T) {
	unit := func(name string) Step {
		return Step{Kind: StepSystemd, Unit: name, HealthTimeout: 30 * time.Second, Timeout: 2 * time.Minute, Settle: 2 * time.Second}
	}
	program := Step{Kind: StepExec, Argv: []string{"/bin/a", "b"}, HealthTimeout: 30 * time.Second, Timeout: 30 * time.Second, Settle: 2 * time.Second}
	told := func(steps ...Step) OnChange {
		return OnChange{Steps: steps, WaitMin: 2 * time.Second, WaitMax: 30 * time.Second, OnFailure: AlertOnly}
	}
	quick := unit("a.service")
	quick.Action, quick.Settle, quick.Timeout = UnitReload, 50*time.Millisecond, time.Second
	reverting := told(unit("a.service"), program)
	reverting.OnFailure, reverting.WaitMin, reverting.Splay = Revert, 0, time.Minute
	for text, want := range map[string]OnChange{
		`none`:                                {},
		``:                                    {},
		`{systemd: a.service}`:                told(unit("a.service")),
		`{systemd: [a.service, b@1.service]}`: told(unit("a.service"), unit("b@1.service")),
		`{systemd: a.service, action: reload, settle: 50ms, timeout: 1s}`:                                      told(quick),
		`[{systemd: a.service}, {exec: [/bin/a, b]}]`:                                                          told(unit("a.service"), program),
		`{steps: [{systemd: a.service}, {exec: [/bin/a, b]}], on_failure: revert, wait: {min: 0s}, splay: 1m}`: reverting,
	} {
		got := read(t, "keys: {A: {from: \"env://A\", provider: none}}\nsinks: {env_file: {path: /x, keys: all, on_change: "+text+"}}\n").Sinks["env_file"].OnChange
		if diff := cmp.Diff(want, got, ignoreNodes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
