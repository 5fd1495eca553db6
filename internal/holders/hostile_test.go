package holders

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hostile are names as somebody may choose them who wants another's shell to do something.
var hostile = []string{
	"$(touch OWNED)", "`touch OWNED`", "a;touch${IFS}OWNED;.service", "a'$(touch OWNED)'b", "x\ntouch OWNED\n", "&touch OWNED&.service",
	"-Hroot@evil.example.service", "\x1b]0;x\x07.service", "a b.service", "\\'$(touch OWNED)", "\xff$(touch OWNED)", "",
}

// Whoever pastes a fix pastes names that others chose.
func TestAFixIsNoWayIntoAShell(t *testing.T) {
	for _, name := range hostile {
		for _, kind := range []Kind{InProcess, InFile, InUnit, InManager, OldInode, OneFile} {
			for _, s := range []Sighting{
				{Variable: name, User: name, Command: name, Unit: name, UserUnit: name, Path: "/srv/" + name, UID: 1000},
				{Variable: name, User: name, Command: name, Unit: name, UID: -1},
				{Variable: name, Command: name, Container: name},
				{Variable: name, Command: name, Pod: name + "/" + name},
				{Variable: name, Command: name, Exporters: []Exporter{{7, name}}},
				{Variable: name, Command: name, User: name, Exporters: []Exporter{{7, "systemd"}}},
				{Variable: name, Command: name, Exporters: []Exporter{{1, "systemd"}}},
				{Variable: name, Command: name, Exporters: []Exporter{{7, "tmux: server"}}},
				{Variable: name, Command: name, Exporters: []Exporter{{7, "PM2 v5"}}},
				{Variable: name, Command: name, Exporters: []Exporter{{7, "bash"}}},
			} {
				s.Kind, s.PID = kind, 900
				safe(t, Fix(s, nil, "/sink/"+name))
			}
		}
	}
}

// safe has a shell read a fix, which can do nothing but what its names bring along.
func safe(t *testing.T, fix string) {
	t.Helper()
	if strings.ContainsAny(fix, "\n\x1b\x07") || strings.Contains(fix, " -H") {
		t.Errorf("a terminal or a command obeys %q", fix)
	}
	dir := t.TempDir()
	sh := exec.Command("/bin/sh", "-c", "touch() { : >\"$1\"; }\n"+fix)
	sh.Dir, sh.Env = dir, []string{"PATH=" + dir} // so that the fix's own words are no commands
	_ = sh.Run()
	if found, _ := filepath.Glob(filepath.Join(dir, "OWNED")); len(found) > 0 {
		t.Errorf("a shell obeys %q", fix)
	}
}

func TestAUserIsNoPodAndNoUnitByTheNameOfHisGroups(t *testing.T) {
	const own = "0::/user.slice/user-1000.slice/user@1000.service/"
	const pod = "kubepods-pod0b1f7e2a_4c5d_4e6f_8a9b_0c1d2e3f4a5b.slice/"
	for group, want := range map[string]place{
		"kubepods.slice/" + pod + "cri-containerd-x.scope":           {unit: "user@1000.service", userUnit: "cri-containerd-x.scope"},
		"kubepods/pod0b1f7e2a-4c5d-4e6f-8a9b-0c1d2e3f4a5b/a.service": {unit: "user@1000.service", userUnit: "a.service"},
		"a;touch OWNED #.service":                                    {unit: "user@1000.service"},
		"\x1b]0;x\x07.service":                                       {unit: "user@1000.service"},
		"$(id).service/b.service":                                    {unit: "user@1000.service", userUnit: "b.service"},
	} {
		if got := (places{}).of([]byte(own + group + "\n")); got != want {
			t.Errorf("%q: got %+v, want %+v", group, got, want)
		}
	}
}

// Who mixed up name and value, or wrote a list of keys, has a value where names are told.
func TestANameThatCouldBeAKeyIsNotTold(t *testing.T) {
	for name, told := range map[string]bool{
		"K": true, "OPENAI_COMPATIBLE_KEY": true, "STRIPE_API_KEY_2025": true, "spring.datasource.password": true, "": true,
		"sk-ant-api03-4fQ2xLw9ZtR4vKb8NcYpHs3MdGj6": false, "0123456789abcdef0123456789abcdef": false, "Zk9xQ2Lw7tR4vKb8Nc": false,
	} {
		if got := VariableOf([]byte(name)); (got == name) != told {
			t.Errorf("%q is told as %q", name, got)
		}
	}
}
