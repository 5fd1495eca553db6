package systemd

import (
	"strings"
	"testing"
)

// What a service is started with, its own systemd says: not the shell of whoever asks.
func TestDoctorKnowsWhatAUnitIsStartedWith(t *testing.T) {
	w := newWorld(t, "doctor: what systemd would start a service with")
	const unit = "/etc/systemd/system/asked.service"
	t.Cleanup(func() { _, _ = w.try("rm", "-f", unit, "/etc/asked.env") })
	const service = "[Service]\nExecStart=/bin/sleep 600\n"
	for _, c := range []struct {
		rule, unit, env, want string
		lacks                 bool
	}{
		{"a unit without it", service, "", "asked.service has no ANTHROPIC_API_KEY", true},
		{"Environment=", service + "Environment=ANTHROPIC_API_KEY=CANARY\n", "", "", false},
		{"Environment= without anything in it", service + "Environment=ANTHROPIC_API_KEY=\n", "", "(not_in_unit)", true},
		{"EnvironmentFile=", service + "EnvironmentFile=-/etc/asked.env\n", "ANTHROPIC_API_KEY=CANARY\n", "", false},
		{"EnvironmentFile= that has another", service + "EnvironmentFile=/etc/asked.env\n", "OTHER=CANARY\n", "(not_in_unit)", true},
		{"UnsetEnvironment=", service + "Environment=ANTHROPIC_API_KEY=CANARY\nUnsetEnvironment=ANTHROPIC_API_KEY\n", "", "(not_in_unit)", true},
		{"no unit at all", "", "", "systemd has no unit asked.service", false},
	} {
		_, _ = w.try("rm", "-f", unit)
		if c.unit != "" {
			w.put(unit, c.unit, 0o644)
		}
		w.put("/etc/asked.env", c.env, 0o644)
		w.run("systemctl", "daemon-reload")
		out, _ := w.try("env", "ANTHROPIC_API_KEY=sk-ant-api03-"+strings.Repeat("a", 93)+"AA",
			"livekey", "doctor", "ANTHROPIC_API_KEY", "--env", "--offline", "--unit", "asked.service")
		if !strings.Contains(out, c.want) || strings.Contains(out, "(not_in_unit)") != c.lacks || strings.Contains(out, "CANARY") {
			t.Errorf("%s:\n%s", c.rule, out)
		}
	}
}
