package sinktest

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

// The rules about whose a sink is: somebody else's stays, livekey's own is swept.

func foreign(a at) {
	theirs := map[string]string{"A": Canary + "-theirs", "OTHER": Canary}
	a.Foreign(a.t, a.path, theirs)
	s := a.sinkOf(sinks.Env{Known: func(map[string]secret.Value) bool { return false }})
	_, writeErr := s.Write(a.t.Context(), Entries(a.t, first))
	for _, err := range []error{writeErr, s.Probe(a.t.Context())} {
		a.clean(err)
		if !errors.Is(err, sinks.ErrForeign) || !strings.Contains(err.Error(), "adopt") {
			a.t.Errorf("%v: want ErrForeign, and what to do", err)
		}
	}
	a.sees(theirs)
	c, err := s.(sinks.Reader).Read(a.t.Context())
	if err != nil || !c.Exists || c.Marked || !maps.Equal(revealed(c.Values), theirs) {
		a.t.Errorf("Read: exists %v, marked %v, %d values, %v", c.Exists, c.Marked, len(c.Values), err)
	}
}

func known(a at) {
	a.Foreign(a.t, a.path, first)
	asked := false
	s := a.sinkOf(sinks.Env{Known: func(found map[string]secret.Value) bool {
		asked = maps.Equal(revealed(found), first)
		return true
	}})
	a.write(s, second)
	if !asked {
		a.t.Error("Known was not asked about what is there")
	}
	a.sees(second)
}

func marked(a at) {
	s := a.sink()
	a.write(s, first)
	a.write(a.sink(), second) // a new process, whose journal is lost
	a.sees(second)
	a.Unmark(a.t, a.path)
	if _, err := a.sink().Write(a.t.Context(), Entries(a.t, first)); !errors.Is(err, sinks.ErrForeign) {
		a.t.Errorf("without its marker: %v", err)
	}
	a.sees(second)
}

func adopt(a at) {
	theirs := map[string]string{"A": Canary + "-theirs", "OTHER": Canary}
	a.Foreign(a.t, a.path, theirs)
	s := a.sink("adopt: true")
	_, err := s.Write(a.t.Context(), Entries(a.t, first))
	a.clean(err)
	if !errors.Is(err, sinks.ErrForeign) || !strings.Contains(err.Error(), "OTHER") {
		a.t.Errorf("%v: want ErrForeign that names OTHER", err)
	}
	a.sees(theirs)
	a.write(s, map[string]string{"A": first["A"], "OTHER": first["B"]})
	a.sees(map[string]string{"A": first["A"], "OTHER": first["B"]})
	a.write(a.sink(), first) // it is livekey's now
	a.sees(first)
}

func adoptedKept(a at) {
	theirs := map[string]string{"A": Canary + "-theirs"}
	a.Foreign(a.t, a.path, theirs)
	s := a.sink("adopt: true")
	if _, err := s.Write(a.t.Context(), Unproved(a.t, map[string]string{"A": Canary})); err != nil {
		a.t.Fatal(err)
	}
	kept := func() (found int) {
		// The sink's own directory, or the one beside it.
		for _, pattern := range []string{a.path + ".before-livekey", a.path + "/*.before-livekey"} {
			names, _ := filepath.Glob(pattern)
			for _, name := range names {
				b, err := os.ReadFile(name)
				fi, statErr := os.Stat(name)
				if err == nil && statErr == nil && strings.Contains(string(b), theirs["A"]) && fi.Mode().Perm() == 0o600 {
					found++
				}
			}
		}
		return found
	}
	if n := kept(); n != 1 {
		a.t.Errorf("after an unproved write %d copies of the adopted content are kept, want 1", n)
	}
	if a.write(s, map[string]string{"A": Canary}) {
		a.t.Error("the same bytes, now proved, were written again")
	}
	if n := kept(); n != 0 {
		a.t.Errorf("after a proved write %d copies are kept, want none", n)
	}
}

func leftovers(a at) {
	s := a.sink()
	a.write(s, first)
	names := a.Litter(a.t, a.path)
	if err := s.Probe(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	if len(names) == 0 {
		a.t.Fatal("the harness left nothing behind")
	}
	for _, name := range names {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			a.t.Errorf("%s is still there", filepath.Base(name))
		}
	}
	a.sees(first)
}
