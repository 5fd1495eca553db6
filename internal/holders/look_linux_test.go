package holders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWhoHoldsAKey(t *testing.T) {
	tr := newTree(t)
	tr.add(fake{pid: 20, parent: 1, start: 100, comm: "gunicorn", exe: "/usr/bin/python3.12", environ: []string{"PATH=/bin", "APP_TOKEN=" + wantedKey, "OTHER=" + canary}, cgroup: "0::/system.slice/app.service\n"})
	tr.add(fake{pid: 21, parent: 1, start: 100, comm: "idle", environ: []string{"PATH=/bin", "SECRET=" + canary}})
	tr.add(fake{pid: 22, parent: 1, start: 100, comm: "kthread"})
	tr.put("not-a-process", "")
	tr.put("23", "") // nor this
	found := tr.look(wanted())
	if len(found.Sightings) != 1 || found.Processes != 4 || len(found.Unseen) != 0 {
		t.Fatalf("got %+v", found)
	}
	got := found.Sightings[0]
	want := Sighting{Kind: InProcess, Print: printOf(wantedKey), Variable: "APP_TOKEN", PID: 20, UID: 0, User: "root", Command: "gunicorn", Unit: "app.service", Started: got.Started}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got.Consumer() != "unit:app.service" {
		t.Errorf("consumer %s", got.Consumer())
	}
}

func TestAnEnvironmentMayBeAnything(t *testing.T) {
	filler := func(n int) string { return strings.Repeat("x", n) }
	var many []string
	for i := range 20_000 {
		many = append(many, fmt.Sprintf("VARIABLE_%d=%s", i, filler(80)))
	}
	for _, c := range []struct {
		name, environ, variable string
		found                   bool
	}{
		{"empty", "", "", false},
		{"one variable", environ("A=" + wantedKey), "A", true},
		{"no NUL at the end", "B=1\x00A=" + wantedKey, "A", true},
		{"no name", environ(wantedKey), "", true},
		{"an equals sign in the value is another value", environ("A=x=" + wantedKey), "", false},
		{"quotes that a program left", environ(`A="` + wantedKey + `"`), "A", true},
		{"a carriage return", environ("A=" + wantedKey + "\r"), "A", true},
		{"two megabytes, at the end", environ(append(slices.Clone(many), "LAST="+wantedKey)...), "LAST", true},
		{"two megabytes, at the beginning", environ(append([]string{"FIRST=" + wantedKey}, many...)...), "FIRST", true},
		{"behind the longest variable", environ("LONG="+filler(128<<10-6), "A="+wantedKey), "A", true},
		{"behind what is longer than any variable", filler(300<<10) + "\x00" + environ("A="+wantedKey), "A", true},
		{"the end of what is longer is no variable", filler(300<<10) + wantedKey, "", false},
		{"bytes that are no text", environ("\xff\xfe=\x80\x81", "A="+wantedKey), "A", true},
		{"a name that is no text", environ("\xff\x1b[2J=" + wantedKey), "(a name not printable)", true},
		{"only NULs", strings.Repeat("\x00", 5000), "", false},
		{"a part of it is not it", environ("A=" + wantedKey + "0"), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTree(t)
			tr.add(fake{pid: 7, start: 5, comm: "app"})
			tr.put("7/environ", c.environ)
			got := tr.look(wanted()).Sightings
			if (len(got) == 1) != c.found || c.found && got[0].Variable != c.variable {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestOneProcessCanHoldSeveral(t *testing.T) {
	tr := newTree(t)
	tr.add(fake{pid: 7, start: 5, comm: "app", environ: []string{"A=" + wantedKey, "B=" + wantedKey, "C=" + otherKey}})
	var names []string
	for _, s := range tr.look(wanted()).Sightings {
		names = append(names, s.Variable+string(s.Print[:4]))
	}
	one, two := string(printOf(wantedKey)[:4]), string(printOf(otherKey)[:4])
	if !slices.Equal(names, []string{"A" + one, "B" + one, "C" + two}) {
		t.Errorf("got %v", names)
	}
}

func TestTheAncestorsThatPassItOn(t *testing.T) {
	with := []string{"KEY=" + wantedKey}
	tr := newTree(t)
	tr.add(fake{pid: 10, parent: 1, start: 10, comm: "tmux: server", exe: "/usr/bin/tmux", environ: with})
	tr.add(fake{pid: 11, parent: 10, start: 11, comm: "bash", exe: "/bin/bash", environ: with})
	tr.add(fake{pid: 12, parent: 11, start: 12, comm: "sudo", exe: "/usr/bin/sudo"}) // strips it
	tr.add(fake{pid: 13, parent: 12, start: 13, comm: "env", exe: "/usr/bin/env", environ: []string{"KEY=" + otherKey}})
	tr.add(fake{pid: 14, parent: 13, start: 14, comm: "app", exe: "/opt/app", environ: with})
	tr.add(fake{pid: 15, parent: 99, start: 15, comm: "orphan", environ: with})
	tr.add(fake{pid: 99, parent: 1, start: 50, comm: "young", environ: with}) // has the number of 15's parent
	tr.add(fake{pid: 30, parent: 31, start: 30, comm: "circle", environ: with})
	tr.add(fake{pid: 31, parent: 30, start: 30, comm: "elcric", environ: with})
	got := map[int][]Exporter{}
	for _, s := range tr.look(wanted()).Sightings {
		got[s.PID] = s.Exporters
	}
	if want := []Exporter{{11, "bash"}, {10, "tmux"}}; !slices.Equal(got[14], want) {
		t.Errorf("of 14: got %v, want %v", got[14], want)
	}
	if len(got[13]) != 0 {
		t.Errorf("others have another key, yet: %v", got[13])
	}
	if len(got[15]) != 0 {
		t.Errorf("its parent ended, yet: %v", got[15])
	}
	if len(got[30]) == 0 {
		t.Error("a circle ends, and is told")
	}
}

// Between a look's first read and what it tells, anything can happen to a process.
func TestAProcessThatIsNotTheSameAnyMore(t *testing.T) {
	holder := fake{pid: 7, start: 5, comm: "app", environ: []string{"KEY=" + wantedKey}}
	other := fake{pid: 7, start: 900, comm: "victim", environ: []string{"KEY=" + canary}}
	for _, c := range []struct {
		name   string
		change func(tr tree)
		found  bool
	}{
		{"nothing happens", func(tree) {}, true},
		{"it ends", func(tr tree) { must(t, os.RemoveAll(filepath.Join(tr.dir, "7"))) }, false},
		{"its number is another's", func(tr tree) { must(t, os.RemoveAll(filepath.Join(tr.dir, "7"))); tr.add(other) }, false},
		{"it becomes another program", func(tr tree) { tr.put("7/environ", environ("KEY="+canary)) }, false},
		{"it loses its memory", func(tr tree) { tr.put("7/environ", "") }, false},
		{"what it shows is no stat", func(tr tree) { tr.put("7/stat", "7 (app") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTree(t)
			tr.add(holder)
			s := tr.scan()
			found, err := s.hits(s.proc, "7/environ")
			if len(found) != 1 || err != nil {
				t.Fatalf("got %v, %v", found, err)
			}
			c.change(tr)
			s.confirm(7, found)
			if (len(s.out.Sightings) == 1) != c.found {
				t.Errorf("got %+v", s.out.Sightings)
			}
		})
	}
}

// The name is a pipe, so that the test has its turn in the midst of what is told.
func TestAProcessThatChangesWhileItIsTold(t *testing.T) {
	for _, c := range []struct {
		name    string
		becomes fake
		holds   string
	}{
		{"it becomes another program", fake{pid: 7, start: 5, comm: "new", environ: []string{"KEY=" + otherKey}}, otherKey},
		{"it starts anew with the same key", fake{pid: 7, start: 900, comm: "new", environ: []string{"KEY=" + wantedKey}}, wantedKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTree(t)
			tr.add(fake{pid: 7, start: 5, comm: "old", environ: []string{"KEY=" + wantedKey}})
			name := filepath.Join(tr.dir, "7/comm")
			must(t, os.Remove(name))
			must(t, unix.Mkfifo(name, 0o600))
			changed := make(chan error)
			go func() {
				pipe, err := os.OpenFile(name, os.O_WRONLY, 0) // when the look reads it
				if err == nil {
					_ = os.Remove(name)
					tr.add(c.becomes)
					_, err = pipe.WriteString("old\n")
					_ = pipe.Close()
				}
				changed <- err
			}()
			got := tr.look(wanted()).Sightings
			must(t, <-changed)
			if len(got) != 1 || got[0].Command != "new" || got[0].Print != printOf(c.holds) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A directory of a process that was opened stays its own.
func TestAHeldProcessStaysTheSameOne(t *testing.T) {
	tr := newTree(t)
	tr.add(fake{pid: 7, start: 5, comm: "app"})
	s := tr.scan()
	p, err := s.proc.hold(7)
	must(t, err)
	defer p.dir.close()
	must(t, os.Rename(filepath.Join(tr.dir, "7"), filepath.Join(tr.dir, "ended")))
	tr.add(fake{pid: 7, start: 900, comm: "victim"})
	if st, ok := s.stat(p); !ok || st.Start != 5 {
		t.Errorf("got %+v, %v", st, ok)
	}
}

func TestWhatIsLookedForDecidesWhatIsReported(t *testing.T) {
	tr := newTree(t)
	tr.add(fake{pid: 7, start: 5, comm: "app", environ: []string{"KEY=" + canary, canary + "=1"}})
	if got := tr.look(Wanted{Hasher: hasher}); len(got.Sightings) != 0 || got.Processes != 0 {
		t.Errorf("nothing is wanted, yet: %+v", got)
	}
	text, err := json.Marshal(tr.look(wanted()))
	must(t, err)
	if strings.Contains(string(text), "CANARY") {
		t.Errorf("it tells what nobody asked for: %s", text)
	}
}

func TestALookEndsWithItsContext(t *testing.T) {
	tr := newTree(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NewLocal(Options{Proc: tr.dir}).Look(ctx, wanted()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := NewLocal(Options{Proc: filepath.Join(tr.dir, "none")}).Look(context.Background(), wanted()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a procfs nobody can look: got %v", err)
	}
}

func TestARealChild(t *testing.T) {
	before := time.Now().Add(-time.Second)
	shell := exec.Command("/bin/sh", "-c", "sleep 60 & echo; wait")
	shell.Env = []string{"PATH=/bin:/usr/bin", "ANY_NAME=" + wantedKey, "FOREIGN=" + canary}
	out, err := shell.StdoutPipe()
	must(t, err)
	must(t, shell.Start())
	t.Cleanup(func() { _ = shell.Process.Kill(); _ = shell.Wait() })
	_, err = out.Read(make([]byte, 1))
	must(t, err)
	var shellSeen, sleepSeen Sighting
	for deadline := time.Now().Add(10 * time.Second); sleepSeen.Command != "sleep"; {
		if time.Now().After(deadline) {
			t.Fatal("its child is not found")
		}
		found, err := NewLocal(Options{}).Look(context.Background(), wanted())
		must(t, err)
		for _, s := range found.Sightings {
			if s.PID == shell.Process.Pid {
				shellSeen = s
			} else if len(s.Exporters) > 0 && s.Exporters[0].PID == shell.Process.Pid {
				sleepSeen = s
			}
		}
	}
	t.Cleanup(func() {
		if p, err := os.FindProcess(sleepSeen.PID); err == nil {
			_ = p.Kill()
		}
	})
	if shellSeen.Variable != "ANY_NAME" || shellSeen.Print != printOf(wantedKey) || shellSeen.UID != os.Geteuid() {
		t.Errorf("got %+v", shellSeen)
	}
	if shellSeen.Started.Before(before) || shellSeen.Started.After(time.Now()) {
		t.Errorf("it started at %v, not between %v and now", shellSeen.Started, before)
	}
}
