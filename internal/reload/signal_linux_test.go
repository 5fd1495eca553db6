package reload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/systemd"
)

// A child is a process of this test that says what it hears.
type child struct {
	*exec.Cmd
	says *bufio.Scanner
}

// spawn starts a shell by another name, and waits until it is ready.
func spawn(t *testing.T, name, text string) child {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err == nil {
		shell, err = filepath.EvalSymlinks(shell)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(shell, program); err != nil { // the kernel takes the link's name
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", text+"\necho ready\nwhile :; do sleep 0.05; done")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	c := child{cmd, bufio.NewScanner(out)}
	c.hears(t, "ready")
	return c
}

func (c child) hears(t *testing.T, want string) {
	t.Helper()
	if !c.says.Scan() || c.says.Text() != want {
		t.Fatalf("the child said %q, want %q", c.says.Text(), want)
	}
}

func (c child) alive() bool { return c.Process.Signal(syscall.Signal(0)) == nil }

// unique is a name that no other process has.
func unique() string { return fmt.Sprintf("lk%d%d", os.Getpid()%1e6, time.Now().UnixNano()%1e5) }

const quick = 150 * time.Millisecond

func TestASignalReachesTheProcessThatIsNamed(t *testing.T) {
	name := unique()
	c := spawn(t, name, `trap "echo heard" HUP`)
	file := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(file, []byte(fmt.Sprintln(c.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	manager := &fakeManager{unit: systemd.Unit{Active: "active", MainPID: c.Process.Pid}}
	for rule, s := range map[string]Signal{
		"by pid file": {PIDFile: file},
		"by name":     {Process: name},
		"by unit":     {Unit: "app.service", Dial: func(context.Context) (Manager, error) { return manager, nil }},
	} {
		t.Run(rule, func(t *testing.T) {
			s.Signal, s.Settle, s.Timeout = "HUP", quick, time.Second
			result, err := s.Reload(t.Context(), Change{})
			if err != nil || result != "SIGHUP to 1 process" {
				t.Fatalf("%q, %v", result, err)
			}
			c.hears(t, "heard")
		})
	}
}

func TestEveryProcessOfTheNameIsSignaled(t *testing.T) {
	name := unique()
	a, b := spawn(t, name, `trap "echo heard" USR1`), spawn(t, name, `trap "echo heard" USR1`)
	other := spawn(t, name+"x", `trap "echo heard; exit" USR1`)
	result, err := (Signal{Signal: "USR1", Process: name, Settle: quick}).Reload(t.Context(), Change{})
	if err != nil || result != "SIGUSR1 to 2 processes" {
		t.Fatalf("%q, %v", result, err)
	}
	a.hears(t, "heard")
	b.hears(t, "heard")
	if !other.alive() {
		t.Error("one that only begins with the name was signaled")
	}
	if _, err := (Signal{Signal: "USR1", Process: name, User: "daemon", Settle: quick}).Reload(t.Context(), Change{}); err != nil {
		t.Errorf("nobody of another user: %v", err)
	}
}

// Anybody may start a setuid program of root's by any name, which is no process of root's for it.
func TestAProcessIsWhoseStartedIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root alone can start a process of another user")
	}
	program, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lk") // which another user passes through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, unique())
	for _, err := range []error{os.Chmod(dir, 0o711), os.WriteFile(file, program, 0o700), os.Chmod(file, 0o755|os.ModeSetuid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(file, "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64001, Gid: 64001}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p, err := open(cmd.Process.Pid, syscall.SIGHUP)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if p.uid != 64001 {
		t.Errorf("it is taken for a process of user %d", p.uid)
	}
}

// A name alone means livekey's own user: anybody may give his process any name.
func TestANameAloneMeansNobodyElsesProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root alone can start a process of another user")
	}
	dir, err := os.MkdirTemp("", "lk") // which another user passes through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := unique()
	program := filepath.Join(dir, name)
	for _, err := range []error{os.Chmod(dir, 0o711), os.Symlink("/bin/sh", program)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-c", "trap : USR1\necho ready\nwhile :; do sleep 0.05; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64001, Gid: 64001}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	child{cmd, bufio.NewScanner(out)}.hears(t, "ready")
	nobody, err := (Signal{Signal: "USR1", Process: unique() + "no", Settle: quick}).Reload(t.Context(), Change{})
	if err != nil {
		t.Fatal(err)
	}
	if told, err := (Signal{Signal: "USR1", Process: name, Settle: quick}).Reload(t.Context(), Change{}); err != nil || told != nobody {
		t.Errorf("another user's process: %q, %v; where there is none: %q", told, err, nobody)
	}
}

func TestWhereThereIsNoProcessNobodyIsTold(t *testing.T) {
	c := spawn(t, unique(), "")
	_ = c.Process.Kill()
	_ = c.Wait()
	file := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(file, []byte(fmt.Sprint(c.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	idle := func(context.Context) (Manager, error) {
		return &fakeManager{unit: systemd.Unit{Active: "inactive"}}, nil
	}
	for rule, s := range map[string]Signal{
		"a stale pid file": {PIDFile: file},
		"no pid file":      {PIDFile: file + "x"},
		"no such name":     {Process: unique() + "no"},
		"a unit at rest":   {Unit: "app.service", Dial: idle},
	} {
		s.Signal, s.Timeout = "HUP", time.Second
		if result, err := s.Reload(t.Context(), Change{}); err != nil || result != "not running: left alone" {
			t.Errorf("%s: %q, %v", rule, result, err)
		}
	}
}

// SIGHUP ends who does not expect it, and a working consumer is never ended.
func TestAProcessThatDoesNotHandleTheSignalIsLeftAlone(t *testing.T) {
	for rule, text := range map[string]string{"by default": "", "ignored": `trap "" HUP`} {
		name := unique()
		c := spawn(t, name, text)
		_, err := (Signal{Signal: "HUP", Process: name, Settle: quick}).Reload(t.Context(), Change{})
		if !errors.Is(err, ErrUnasked) || !strings.Contains(err.Error(), "does not handle SIGHUP") {
			t.Errorf("%s: %v", rule, err)
		}
		if !c.alive() {
			t.Errorf("%s: it is gone", rule)
		}
	}
}

func TestAProcessThatEndsByItIsNotBack(t *testing.T) {
	name := unique()
	spawn(t, name, `trap "exit 1" HUP`)
	_, err := (Signal{Signal: "HUP", Process: name, Settle: 5 * time.Second}).Reload(t.Context(), Change{})
	if err == nil || errors.Is(err, ErrUnasked) || !strings.Contains(err.Error(), "is gone after SIGHUP") {
		t.Errorf("got %v", err)
	}
}

func TestAPIDFileOfSomebodyElseIsNotBelieved(t *testing.T) {
	c := spawn(t, unique(), `trap "exit 1" HUP`)
	dir := t.TempDir()
	at := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pid := fmt.Sprint(c.Process.Pid)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(at("target", pid, 0o644), link); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"others may write it": at("open", pid, 0o666), "its group may": at("group", pid, 0o664), "a link": link, "a folder": dir,
		"no number": at("text", "one", 0o644), "init": at("init", "1", 0o644), "a group of processes": at("group-id", "-"+pid, 0o644),
	}
	if os.Geteuid() == 0 {
		files["another user's"] = at("foreign", pid, 0o644)
		if err := os.Chown(files["another user's"], 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for rule, file := range files {
		_, err := (Signal{Signal: "HUP", PIDFile: file, Settle: quick}).Reload(t.Context(), Change{})
		if !errors.Is(err, ErrUnasked) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if !c.alive() {
		t.Error("it was signaled")
	}
}
