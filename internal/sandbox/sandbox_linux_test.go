package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// directives are the lines of a drop-in that systemd acts on.
func directives(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line != "[Service]" {
			all = append(all, line)
		}
	}
	return all
}

func TestWhatTheUnitAllowsNeedsNothing(t *testing.T) {
	const here = "livekey.yaml:1:1: x"
	for rule, needs := range map[string][]Need{
		"a sink in the runtime folder": Writes("/run/livekey/sinks/app", "", here),
		"a sink in memory":             Writes("/dev/shm/keys", "", here),
		"the state":                    Writes("/var/lib/livekey", "", here),
		"livekey's own group":          Group("livekey", here),
		"the group of the socket":      Group("livekey-admin", here),
		"no group":                     Group("", here),
		"no owner":                     Owner("", here),
		"livekey as owner":             Owner("livekey", here),
		"a file in /etc":               Reads("/etc/livekey/role-id", here),
		"a port for everybody":         Listens("127.0.0.1:9474", here),
		"no port":                      Listens("", here),
		"the usual wait":               Waits(30*time.Second, here),
	} {
		if got := DropIn(needs); got != "" {
			t.Errorf("%s: %s", rule, got)
		}
	}
}

func TestEachNeedHasItsDirectives(t *testing.T) {
	for _, c := range []struct {
		rule  string
		needs []Need
		want  []string
	}{
		{"a folder elsewhere", Writes("/srv/app", "app", ""), []string{"ReadWritePaths=-/srv/app"}},
		{"a name that only begins like the unit's own", Writes("/run/livekey2", "", ""), []string{"ReadWritePaths=-/run/livekey2"}},
		{"a folder in a home", Writes("/home/me/app", "", ""), []string{"ProtectHome=tmpfs", "BindPaths=-/home/me/app"}},
		{"a name that only begins like a home", Writes("/homes/me", "", ""), []string{"ReadWritePaths=-/homes/me"}},
		{"a folder in /tmp", Writes("/tmp/app", "", ""), []string{"BindPaths=-/tmp/app"}},
		{"/tmp itself", Writes("/tmp", "", ""), []string{"PrivateTmp=no"}},
		{"a device's place", Writes("/dev/keys", "", ""), []string{"PrivateDevices=no"}},
		{"another group", Group("app", ""), []string{"SupplementaryGroups=app"}},
		{"another owner", Owner("app", ""), []string{
			"CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE", "AmbientCapabilities=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
		}},
		{"a file in a home", Reads("/root/keys/a", ""), []string{"ProtectHome=tmpfs", "BindReadOnlyPaths=-/root/keys"}},
		{"a file in /tmp", Reads("/var/tmp/k/a", ""), []string{"BindReadOnlyPaths=-/var/tmp/k"}},
		{"a file right in /tmp", Reads("/tmp/a", ""), []string{"PrivateTmp=no"}},
		{"a credential is only hinted at", Reads("$CREDENTIALS_DIRECTORY/a", ""), nil},
		{"a port of root's", Listens("127.0.0.1:80", ""), []string{"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"}},
		{"signals to others", Signals("app", ""), []string{"CapabilityBoundingSet=CAP_KILL", "AmbientCapabilities=CAP_KILL", "ProtectProc=default"}},
		{"signals to livekey's own", Signals("livekey", ""), nil},
		{"units are a matter of polkit", Manages([]Managed{{"a.service", "reload", ""}}), nil},
		{"a long wait", Waits(2*time.Minute+time.Millisecond, ""), []string{"TimeoutStartSec=181s"}},
		{"a path that means something to systemd", Writes(`/srv/a b:50%"\`, "", ""), []string{`ReadWritePaths="-/srv/a b:50%%\"\\"`}},
		{"a path that begins a line", Writes("/srv/a\nExecStartPre=+/bin/sh", "", ""), []string{"ReadWritePaths=-/srv/a?ExecStartPre=+/bin/sh"}},
	} {
		if got := directives(DropIn(c.needs)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
	if text := DropIn(Reads("/run/credentials/livekey.service/hook", "")); !strings.Contains(text, "\n#   LoadCredential=hook:/PATH") {
		t.Errorf("a credential by its path: no hint in\n%s", text)
	}
}

func TestADropInSaysWhoNeedsALineAndSaysItOnce(t *testing.T) {
	var needs []Need
	needs = append(needs, Group("app", "livekey.yaml:3:1: sinks.a.group")...)
	needs = append(needs, Writes("/home/me/a", "", "livekey.yaml:4:1: sinks.b.path\nExecStart=/bin/false")...)
	needs = append(needs, Group("app", "livekey.yaml:5:1: sinks.c.group")...)
	needs = append(needs, Writes("/home/me/b", "", "livekey.yaml:6:1: sinks.d.path")...)
	text := DropIn(needs)
	want := []string{"SupplementaryGroups=app", "ProtectHome=tmpfs", "BindPaths=-/home/me/a", "BindPaths=-/home/me/b"}
	if got := directives(text); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(text, "# livekey.yaml:3:1: sinks.a.group\n# livekey.yaml:5:1: sinks.c.group\n#   It costs: ") {
		t.Errorf("not both lines of the config are named in\n%s", text)
	}
}

func TestAProcessIsJudgedByWhatItHas(t *testing.T) {
	var p Process
	if err := p.parse([]byte("Uid:\t990\t990\t990\t990\nGid:\t990\t990\t990\t990\nGroups:\t991 992 \nSigCgt:\t0\nCapEff:\t0000000000000001\n")); err != nil {
		t.Fatal(err)
	}
	p.PID = 7
	for _, c := range []struct {
		rule  string
		needs []Need
		lacks string
	}{
		{"a capability that it has stands for every group", Group("993", "g"), ""},
		{"one of three capabilities is not enough", Owner("root", "o"), "o: it has not the capabilities"},
		{"nor is any other", Listens("127.0.0.1:80", "m"), "m: it has not the capabilities"},
		{"of files that nobody may see nothing is said", Writes("/proc-is-no-place", "", "w"), ""},
	} {
		err := Allows(p, c.needs)
		switch {
		case c.lacks == "" && err != nil, c.lacks != "" && (err == nil || !strings.Contains(err.Error(), c.lacks)):
			t.Errorf("%s: %v", c.rule, err)
		case err != nil && (!strings.Contains(err.Error(), DropIn(c.needs)) || !strings.Contains(err.Error(), "pid 7")):
			t.Errorf("%s: no drop-in in %v", c.rule, err)
		}
	}
	p.caps = 0
	for group, want := range map[string]string{"990": "", "992": "", "994": "it is not in the group 994", "no-such-group": "there is no group"} {
		if got := p.outside(group); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("group %s: %q, want %q", group, got, want)
		}
	}
	if err := new(Process).parse(nil); err == nil {
		t.Error("nothing was taken for a status")
	}
}
