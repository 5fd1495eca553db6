package holders

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// lookAs makes this test binary look, as another user: what it found is its output.
const lookAs = "LIVEKEY_TEST_LOOK"

func TestMain(m *testing.M) {
	if os.Getenv(lookAs) != "" {
		found, err := NewLocal(Options{}).Look(context.Background(), wanted())
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(found)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestWhoMayNotLookSaysSo(t *testing.T) {
	const nobody = 65534
	child := exec.Command("/bin/sleep", "60")
	child.Env = []string{"KEY=" + wantedKey}
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	self, err := os.Executable()
	must(t, err)
	look := exec.Command("/proc/self/fd/3")
	exe, err := os.Open(self) // in a directory that only its owner may enter
	must(t, err)
	defer func() { _ = exe.Close() }()
	look.ExtraFiles = []*os.File{exe}
	look.Env, look.Dir, look.Stderr = []string{lookAs + "=1", "KEY=" + otherKey}, "/", os.Stderr
	if os.Geteuid() == 0 {
		look.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	} else {
		t.Skip("needs root to become another user")
	}
	text, err := look.Output()
	must(t, err)
	var found Scan
	must(t, json.Unmarshal(text, &found))
	for _, s := range found.Sightings {
		if s.PID == child.Process.Pid {
			t.Errorf("it could look after all: %+v", s)
		}
	}
	if !slices.ContainsFunc(found.Unseen, func(l string) bool {
		return strings.HasSuffix(l, " of user root: livekey may not read their environment")
	}) {
		t.Errorf("it does not say that it may not look: %q", found.Unseen)
	}
}

func TestWhoHasNoEnvironmentIsNotUnseen(t *testing.T) {
	ended := exec.Command("/bin/true")
	must(t, ended.Start())
	t.Cleanup(func() { _ = ended.Wait() })
	must(t, unix.Waitid(unix.P_PID, ended.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	s := tree{t: t, dir: "/proc"}.scan()
	for name, pid := range map[string]int{"a zombie": ended.Process.Pid, "a kernel thread": 2, "nobody": 1 << 22} {
		if text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); pid == 2 && string(text) != "kthreadd\n" {
			continue // in a namespace of its own
		}
		if s.refused(pid); len(s.unseen) != 0 {
			t.Errorf("%s is counted", name)
		}
	}
	if s.refused(os.Getpid()); len(s.unseen) != 1 {
		t.Error("a process with an environment is not")
	}
}

func TestWhatNobodyCouldHaveSeen(t *testing.T) {
	tr := newTree(t)
	tr.link("self/ns/pid", "pid:[4026532000]")
	if got := tr.look(wanted()).Unseen; len(got) != 1 || !strings.Contains(got[0], "PID namespace") {
		t.Errorf("got %q", got)
	}
	tr = newTree(t)
	tr.link("self/ns/pid", firstPIDs)
	if got := tr.look(wanted()).Unseen; len(got) != 0 {
		t.Errorf("got %q", got)
	}
	must(t, os.RemoveAll(tr.dir+"/1"))
	if got := tr.look(wanted()).Unseen; len(got) != 1 || !strings.Contains(got[0], "hides them") {
		t.Errorf("got %q", got)
	}
	tr = newTree(t) // its first process is of our own user
	tr.put("self/mountinfo", "31 22 0:30 / "+tr.dir+" rw - proc proc rw,hidepid=2\n")
	for caps, want := range map[string]int{"0000000000000000": 1, "0000000000080000": 0} {
		tr.put("self/status", "Uid:\t0\t0\t0\t0\n"+statusRest+"CapEff:\t"+caps+"\n")
		if got := tr.look(wanted()).Unseen; len(got) != want {
			t.Errorf("with %s: got %q", caps, got)
		}
	}
}

func TestUnseenIsCountedByUser(t *testing.T) {
	u, names := unseen{}, users{7: "postgres", 8: "ada"}
	u.count(7)
	u.count(8)
	u.count(7)
	want := []string{"1 process of user ada: livekey may not read its environment", "2 processes of user postgres: livekey may not read their environment"}
	if got := u.lines(names); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
