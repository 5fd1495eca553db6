package holders_test

import (
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
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/test/need"
)

func contextOfRole() context.Context { return context.Background() }

func TestAKeyIsFoundUnderAnyName(t *testing.T) {
	z := newZoo(t, "P5: a holder is found whatever its variable is called")
	current, old := z.value(), z.value()
	began := time.Now()
	a := z.keep([]string{"CLAUDE_TOKEN=" + old, "PATH=/bin"}, "/bin/sleep", "60")
	z.keep([]string{"ANTHROPIC_API_KEY=" + z.value()}, "/bin/sleep", "60")              // not wanted
	z.keep([]string{"ANTHROPIC_API_KEY=" + old + "x", "X=x" + old}, "/bin/sleep", "60") // nearly

	scan := z.look(z.wanted(current, old))
	s := z.only(scan)
	if s.Kind != holders.InProcess || s.PID != a.Process.Pid || s.Print != z.print(old) || s.Variable != "CLAUDE_TOKEN" {
		t.Errorf("got %+v", s)
	}
	if s.Command != "sleep" || s.UID != os.Getuid() || s.User == "" || len(s.Exporters) != 0 {
		t.Errorf("who it is: %+v", s)
	}
	// The kernel counts in hundredths of a second from a start that it knows to the second.
	if d := s.Started.Sub(began); d < -2*time.Second || d > 2*time.Second {
		t.Errorf("it was started at %s, not at %s", s.Started, began)
	}
	if scan.Processes < 3 || scan.At.Before(began) {
		t.Errorf("looked at %d processes at %s", scan.Processes, scan.At)
	}
}

// One value may have several names, and one process several versions.
func TestEachVariableOfAProcessIsSeen(t *testing.T) {
	z := newZoo(t, "P5: a holder is found whatever its variable is called")
	one, two := z.value(), z.value()
	z.keep([]string{"A=" + one, "B=" + two, "C=" + one, "EMPTY=", "=" + one, one}, "/bin/sleep", "60")
	seen := map[string]bool{}
	for _, s := range z.look(z.wanted(one, two)).Sightings {
		seen[s.Variable+"="+s.Print.String()] = true
	}
	for _, want := range []string{"A=" + z.print(one).String(), "B=" + z.print(two).String(), "C=" + z.print(one).String()} {
		if !seen[want] {
			t.Errorf("%s is not seen, but %v", want, seen)
		}
	}
}

func TestTheShellThatStillExportsTheOldKeyIsNamed(t *testing.T) {
	z := newZoo(t, "P5: a holder's ancestors that still export the old key are named")
	old := z.value()
	// The shell between them has its environment from the outer one.
	outer := z.keep([]string{"K=" + old, "PATH=/bin:/usr/bin"}, "/bin/sh", "-c", `sh -c "sleep 60; :"; :`)
	s := z.until("the child", z.wanted(old), sleeping)
	if len(s.Exporters) != 2 {
		t.Fatalf("two shells export it, not %+v", s.Exporters)
	}
	inner, last := s.Exporters[0], s.Exporters[1]
	if last.PID != outer.Process.Pid || inner.PID == last.PID || !strings.HasSuffix(last.Command, "sh") || !strings.HasSuffix(inner.Command, "sh") {
		t.Errorf("got %+v, want the inner shell, then the outer one, %d", s.Exporters, outer.Process.Pid)
	}
}

// What a shell exports after its start is in its children's environment only: a scan
// sees those, and says nothing of the shell.
func TestAChildOfAShellThatExportedItLater(t *testing.T) {
	z := newZoo(t, "P5: a child that inherited from a shell is found")
	old := z.value()
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, []byte(old), 0o600))
	z.keep([]string{"PATH=/bin:/usr/bin", "FILE=" + file}, "/bin/sh", "-c", `K=$(cat "$FILE"); export K; sleep 60; env -u K sleep 61; :`)
	s := z.until("the child", z.wanted(old), sleeping)
	if len(s.Exporters) != 0 {
		t.Errorf("the shell was started without it: %+v", s.Exporters)
	}
}

// A child whose environment was cleaned holds nothing, whoever its ancestors are.
func TestACleanChildIsNoHolder(t *testing.T) {
	z := newZoo(t, "P5: a child in a clean environment is no holder")
	old, mark := z.value(), z.value()
	z.keep([]string{"K=" + old, "M=" + mark, "PATH=/bin:/usr/bin"}, "/bin/sh", "-c", `env -u K -u M MARK="$M" sleep 60; :`)
	z.until("the clean child, by its mark", z.wanted(mark), func(s holders.Sighting) bool { return s.Variable == "MARK" && s.Command == "sleep" })
	if s := z.only(z.look(z.wanted(old))); s.Command != "sh" && s.Command != "dash" {
		t.Errorf("the holder is %+v, want the shell", s)
	}
}

// Its parents are gone, and whoever took it over has never seen the key.
func TestADoubleForkIsFoundWithoutItsParents(t *testing.T) {
	z := newZoo(t, "P5: a daemon that forked twice is found")
	old := z.value()
	z.keep([]string{"K=" + old, "PATH=/bin:/usr/bin"}, "/bin/sh", "-c", `(sleep 60 &) ; exit 0`)
	s := z.until("the orphan", z.wanted(old), func(s holders.Sighting) bool { return s.Command == "sleep" && len(s.Exporters) == 0 })
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	must(t, err)
	var parent int
	_, rest, _ := strings.Cut(string(stat), ") ")
	_, err = fmt.Sscanf(rest, "S %d", &parent)
	if err != nil || parent == os.Getpid() {
		t.Errorf("it was not taken over: %s", rest)
	}
}

func TestAZombieHoldsNothing(t *testing.T) {
	z := newZoo(t, "P5: a process that has ended holds nothing")
	old := z.value()
	a := z.keep([]string{"K=" + old}, "/bin/sleep", "0")
	stat := fmt.Sprintf("/proc/%d/stat", a.Process.Pid)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(stat)
		must(t, err)
		if strings.Contains(string(b), ") Z ") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not end")
		}
	}
	if scan := z.look(z.wanted(old)); len(scan.Sightings) != 0 || contains(scan.Unseen, fmt.Sprint(a.Process.Pid)) {
		t.Errorf("got %+v, unseen: %q", scan.Sightings, scan.Unseen)
	}
}

// Names are printed and sent as JSON: they come out as text whatever bytes they are.
func TestNamesNeedNotBeText(t *testing.T) {
	z := newZoo(t, "P5: a holder is found though its names are no text")
	old := z.value()
	odd := z.copyOf(program(t, "sleep"), "sl\xffe\x1b[2Jep")
	a := z.keep([]string{"\xff\xfe=\xff", "K\xff=" + old, "\x1b[31m=" + old}, odd, "60")
	seen := 0
	for _, s := range z.look(z.wanted(old)).Sightings {
		if s.PID != a.Process.Pid {
			t.Errorf("another holder: %+v", s)
		}
		for _, name := range []string{s.Variable, s.Command} {
			if !utf8.ValidString(name) || strings.ContainsRune(name, 0x1b) {
				t.Errorf("%q is no text for a terminal", name)
			}
		}
		seen++
	}
	if seen != 2 {
		t.Errorf("%d of 2 variables are seen", seen)
	}
}

// The value of a key need not be text either.
func TestAValueNeedNotBeText(t *testing.T) {
	z := newZoo(t, "P5: a holder is found though its value is no text")
	old := z.value() + "\xff\xfe=\n\xc3"
	a := z.keep([]string{"K=" + old}, "/bin/sleep", "60")
	if s := z.only(z.look(z.wanted(old))); s.PID != a.Process.Pid || s.Variable != "K" {
		t.Errorf("got %+v", s)
	}
}

// bigEnvironment is what growRole fills its environment with.
const bigEnvironment = 2 << 20

// Linux takes a quarter of the stack's limit for arguments and environment together,
// and 128 KiB for one of them.
func TestAnEnvironmentOfTwoMegabytes(t *testing.T) {
	z := newZoo(t, "P5: a holder is found in an environment of 2 MiB")
	first, middle, last, long := z.value(), z.value(), z.value(), z.value()+strings.Repeat("x", 120<<10)
	a := z.keep([]string{"FIRST=" + first, "MIDDLE=" + middle, "LAST=" + last, "LONG=" + long, "PATH=/bin:/usr/bin"},
		"/bin/sh", "-c", `ulimit -s 16384; exec "$0" grow`, self(t))
	w := z.wanted(first, middle, last, long)
	z.until("the animal in its growth", w, func(s holders.Sighting) bool { return s.PID == a.Process.Pid && s.Command == "sleep" })
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", a.Process.Pid))
	must(t, err)
	if len(environ) < bigEnvironment {
		t.Fatalf("its environment has %d bytes", len(environ))
	}
	seen := map[string]bool{}
	for _, s := range z.look(w).Sightings {
		seen[s.Variable] = true
	}
	for _, name := range []string{"FIRST", "MIDDLE", "LAST", "LONG"} {
		if !seen[name] {
			t.Errorf("%s is not seen, but %v", name, seen)
		}
	}
}

// growRole becomes a sleep with the variables FIRST, MIDDLE, LONG and LAST of its own
// environment, and 2 MiB of others around them.
func growRole() error {
	var env []string
	keep := func(name string) { env = append(env, name+"="+os.Getenv(name)) }
	fill := func() {
		for i := range 16 {
			env = append(env, fmt.Sprintf("FILL_%d_%d=%s", len(env), i, strings.Repeat("sk-ant-", 64<<10/7)))
		}
	}
	keep("FIRST")
	fill()
	keep("MIDDLE")
	keep("LONG")
	fill()
	keep("LAST")
	return unix.Exec("/bin/sleep", []string{"sleep", "60"}, env)
}

// Kernel threads have no environment, and are not among what may not be looked at. What
// may not is counted: even root may lack a capability that a process of his has.
func TestRootSeesEverythingAndSaysSo(t *testing.T) {
	z := newZoo(t, "P5: what was not looked at is said, and only that", need.Root)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	readable, denied := 0, 0
	for _, dir := range dirs {
		switch _, err := os.ReadFile(dir + "/environ"); {
		case err == nil:
			readable++
		case errors.Is(err, os.ErrPermission):
			denied++
		}
	}
	scan := z.look(z.wanted(z.value()))
	if len(scan.Sightings) != 0 {
		t.Errorf("nobody has it, but %+v", scan.Sightings)
	}
	if said := contains(scan.Unseen, "process"); said != (denied > 0) {
		t.Errorf("%d processes may not be looked at, and it says %q", denied, scan.Unseen)
	}
	// Others come and go meanwhile.
	if d := scan.Processes - readable; d < -readable/2 || d > readable/2 {
		t.Errorf("it looked at %d processes, of %d that have an environment", scan.Processes, readable)
	}
}

// A process in a PID namespace of its own is seen under the number that it has here.
func TestAProcessInANamespaceIsSeenFromOutside(t *testing.T) {
	z := newZoo(t, "P5: a holder in a namespace of its own is found", rootThings...)
	old := z.value()
	outer := exec.Command("unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child", "/bin/sleep", "60")
	outer.Env = []string{"K=" + old, "PATH=/bin:/usr/bin"}
	z.start(outer)
	s := z.until("the child", z.wanted(old), sleeping)
	if s.PID == 1 || syscall.Kill(s.PID, 0) != nil {
		t.Errorf("nobody here knows it as %d", s.PID)
	}
	if len(s.Exporters) != 1 || s.Exporters[0].PID != outer.Process.Pid {
		t.Errorf("unshare handed it on, but %+v", s.Exporters)
	}
}
