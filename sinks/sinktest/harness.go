// Package sinktest is what every kind of sink must hold, as a suite that runs in
// a plain go test.
package sinktest

import (
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

// A Harness is one kind of sink, and how the world looks at it and meddles with it.
type Harness struct {
	FromConfig func(sinks.Env, config.Node) (sinks.Sink, error)
	// Settings are lines of YAML that every sink of the suite gets beside its path.
	Settings string
	// At are the lines of YAML that place the sink, and Placed is what it says of its place,
	// where these are not the path itself.
	At, Placed func(path string) string
	// See reads the sink as a consumer does, all of it in one look.
	See func(path string) (map[string]string, error)
	// Files are the files with values that consumers open. Nil: it has none, and the rules of
	// files, their owners and folders are left out.
	Files func(path string) ([]string, error)
	// Version changes with every write of a sink that has no files.
	Version func(path string) string
	// Foreign puts values there as somebody else would. Unmark takes the marker off.
	Foreign func(t testing.TB, path string, values map[string]string)
	Unmark  func(t testing.TB, path string)
	// Litter leaves what a write that was killed leaves, and returns its names.
	Litter func(t testing.TB, path string) []string
	// Carried and Refused are values that the sink delivers exactly, or not at all.
	Carried, Refused map[string]string
	// Writes is how many the readers of the old-or-new case are to witness.
	Writes int
}

// Canary is in every value of the suite and must be in no error.
const Canary = "lk-canary-7f3a"

// hasher is that of every entry.
var hasher = secret.NewHasher(secret.New([]byte("the salt of the tests")))

// Entries makes proved entries, one key for each variable.
func Entries(t testing.TB, values map[string]string) []sinks.Entry {
	t.Helper()
	return entries(t, values, func(m proof.Material) (proof.Proved, error) {
		return proof.Prove(m, key.Verdict{Outcome: key.Live, Reason: key.Valid, Fingerprint: m.Fingerprint})
	})
}

// Unproved makes entries of keys that nobody can prove.
func Unproved(t testing.TB, values map[string]string) []sinks.Entry {
	t.Helper()
	return entries(t, values, func(m proof.Material) (proof.Proved, error) {
		return proof.Except(proof.NoProvider, m, key.Verdict{Reason: key.NoProvider, Fingerprint: m.Fingerprint})
	})
}

func entries(t testing.TB, values map[string]string, prove func(proof.Material) (proof.Proved, error)) []sinks.Entry {
	t.Helper()
	var all []sinks.Entry
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m := proof.New(hasher, key.Name(name), "", map[key.Part]secret.Value{key.DefaultPart: secret.New([]byte(values[name]))})
		p, err := prove(m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sinks.Entry{Variable: name, Part: key.DefaultPart, From: p})
	}
	return all
}

// at is one sink under test.
type at struct {
	Harness
	t    *testing.T
	path string
}

func (h Harness) at(t *testing.T) at {
	t.Helper()
	return at{h, t, filepath.Join(t.TempDir(), "sink")}
}

// sink makes the sink at its path, with further settings.
func (a at) sink(settings ...string) sinks.Sink {
	a.t.Helper()
	return a.sinkOf(sinks.Env{}, settings...)
}

func (a at) sinkOf(env sinks.Env, settings ...string) sinks.Sink {
	a.t.Helper()
	place := "path: " + a.path + "\n"
	if a.At != nil {
		place = a.At(a.path)
	}
	text := place + a.Settings + strings.Join(settings, "\n") + "\n"
	n, err := config.Parse("test.yaml", "sinks.test", text)
	if err != nil {
		a.t.Fatal(err)
	}
	env.Name = "test"
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	s, err := a.FromConfig(env, n)
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// write delivers values and expects no error.
func (a at) write(s sinks.Sink, values map[string]string) (changed bool) {
	a.t.Helper()
	changed, err := s.Write(a.t.Context(), Entries(a.t, values))
	a.clean(err)
	if err != nil {
		a.t.Fatalf("write: %v", err)
	}
	return changed
}

// sees expects consumers to see exactly values.
func (a at) sees(values map[string]string) {
	a.t.Helper()
	got, err := a.See(a.path)
	if err != nil {
		a.t.Fatalf("see: %v", err)
	}
	if !maps.Equal(got, values) {
		a.t.Errorf("consumer sees %q, want %q", got, values)
	}
}

// clean expects err to be free of values.
func (a at) clean(err error) {
	a.t.Helper()
	if err != nil && strings.Contains(err.Error(), Canary) {
		a.t.Errorf("a value is in an error of %d bytes", len(err.Error()))
	}
}
