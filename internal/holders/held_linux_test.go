package holders

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWhatOneProcessWasStartedWith(t *testing.T) {
	tr := newTree(t)
	tr.add(fake{
		pid: 7, start: 100, uid: os.Geteuid(), comm: "app", cgroup: "0::/system.slice/app.service\n",
		environ: []string{"KEY=" + wantedKey, "QUOTED='" + otherKey + "'\n", "EMPTY=", "URL=https://u:" + canary + "@gateway/x@y", "KEY=" + canary, "OTHER=" + canary, "URL=second"},
	})
	p, err := NewLocal(Options{Proc: tr.dir}).Process(7, hasher, []string{"KEY", "QUOTED", "EMPTY", "ABSENT"}, []string{"URL", "NOT"})
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != 7 || p.Command != "app" || p.Unit != "app.service" || p.UID != os.Geteuid() || p.At.IsZero() {
		t.Errorf("%+v", p)
	}
	want := map[string]Held{
		"KEY": {Print: printOf(wantedKey)}, "QUOTED": {Print: printOf("'" + otherKey + "'\n"), Bare: printOf(otherKey)}, "EMPTY": {Empty: true},
	}
	if len(p.Held) != len(want) || len(p.Settings) != 1 || p.Settings["URL"] != "https://gateway/x@y" {
		t.Errorf("%+v", p)
	}
	for name, h := range want {
		if p.Held[name] != h {
			t.Errorf("%s: %+v", name, p.Held[name])
		}
	}
}

func TestAProcessThatIsNotThere(t *testing.T) {
	if _, err := NewLocal(Options{Proc: newTree(t).dir}).Process(7, hasher, nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestARealProcessIsLookedInto(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	cmd.Env = []string{"KEY=" + wantedKey}
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Signal(syscall.SIGKILL); _ = cmd.Wait() }()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) { // until the child has become it
		p, err := NewLocal(Options{}).Process(cmd.Process.Pid, hasher, []string{"KEY"}, nil)
		if err == nil && p.Held["KEY"].Print == printOf(wantedKey) && strings.HasPrefix(p.Command, "sleep") && time.Since(p.At) < time.Minute {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, %v", p, err)
		}
	}
}
