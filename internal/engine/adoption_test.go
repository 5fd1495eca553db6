package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// fresh delivers v1, then v2.
func (w *world) fresh() (old, current key.Fingerprint) {
	w.issuer.is("v1", key.Live, key.Valid, "ours")
	w.issuer.is("v2", key.Live, key.Valid, "ours")
	w.source.set("K", "v1")
	w.start()
	pass(time.Second)
	w.source.set("K", "v2")
	pass(time.Minute)
	w.wantSink("v2")
	h := w.o.Hasher
	return h.Part(secret.New([]byte("v1"))), h.Part(secret.New([]byte("v2")))
}

// table is what the status says of adoption, a line each.
func (w *world) table() []string {
	var lines []string
	for _, a := range w.e.Status().Keys[0].Adoption {
		lines = append(lines, fmt.Sprintf("%s %s, %s", a.Consumer, a.Stage, a.How))
	}
	return lines
}

func (w *world) wantTable(want ...string) {
	w.t.Helper()
	if got := w.table(); !slices.Equal(got, want) {
		w.t.Fatalf("adoption %q, want %q", got, want)
	}
}

func TestAdoption(t *testing.T) {
	type sight = map[key.Fingerprint][]key.Consumer
	for _, c := range []struct {
		rule string
		seen func(old, current key.Fingerprint) []sight
		want []string
	}{
		{"who is seen with the current version has adopted it", func(_, current key.Fingerprint) []sight {
			return []sight{{current: {"unit:a"}}}
		}, []string{"unit:a current, seen by a scan"}},
		{"who is seen with both has not", func(old, current key.Fingerprint) []sight {
			return []sight{{current: {"unit:a", "unit:b"}, old: {"unit:b"}}}
		}, []string{"unit:a current, seen by a scan", "unit:b previous, seen by a scan"}},
		{"who restarts has then", func(old, current key.Fingerprint) []sight {
			return []sight{{old: {"unit:a"}}, {current: {"unit:a"}}}
		}, []string{"unit:a current, seen by a scan"}},
		{"who is not seen any more keeps its last word", func(old, _ key.Fingerprint) []sight {
			return []sight{{old: {"unit:a"}}, {}}
		}, []string{"unit:a previous, seen by a scan"}},
		{"a version that nobody delivered says nothing", func(key.Fingerprint, key.Fingerprint) []sight {
			return []sight{{"ffff": {"unit:a"}}}
		}, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			bubble(t, func(_ *testing.T, w *world) {
				old, current := w.fresh()
				defer w.stop()
				for _, held := range c.seen(old, current) {
					w.e.noteAdoption("K", rotation.Sighted{At: now(), Holders: held})
				}
				w.wantTable(c.want...)
			})
		})
	}
}

func TestARotationMakesEveryAdoptionOneOfBefore(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		_, current := w.fresh()
		defer func() { w.stop() }()
		w.e.adopted("K", "unit:a", current, byItself)
		w.wantTable("unit:a current, said so itself")
		w.issuer.is("v3", key.Live, key.Valid, "ours")
		w.source.set("K", "v3")
		pass(time.Minute)
		w.wantSink("v3")
		w.wantTable("unit:a previous, said so itself")
		w.stop()
		w.start()
		pass(time.Second)
		w.wantTable("unit:a previous, said so itself") // over a restart too
	})
}

func TestAnAdoptionIsWrittenOnceAndIsAStepOfItsRotation(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, current := w.fresh()
		defer w.stop()
		size := func() int64 {
			info, err := os.Stat(filepath.Join(w.dir, journal.FileName))
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		w.e.adopted("K", "unit:a", current, byItself)
		once := size()
		for range 3 {
			pass(time.Second)
			w.e.adopted("K", "unit:a", current, byItself)
		}
		if size() != once {
			t.Error("the same word was written again")
		}
		since := w.e.adoptions("K")[0].Since
		w.e.adopted("K", "unit:a", current, byScan)
		w.e.adopted("K", "unit:a", current, byItself)
		w.wantTable("unit:a current, seen by a scan")
		if !w.e.adoptions("K")[0].Since.Equal(since) {
			t.Error("another word for the same version moved its time")
		}
		var r trail.Rotation
		if _, err := w.e.store.Get(kindRotation, rotationID("K", 1), &r); err != nil {
			t.Fatal(err)
		}
		steps := slices.DeleteFunc(r.Steps, func(s trail.Step) bool { return s.What != trail.Adopted })
		if len(steps) != 1 || steps[0].Where != "unit:a" || steps[0].Detail != byItself {
			t.Errorf("steps %+v", steps)
		}
	})
}

func TestAKeyOfOneVersionHasNoRecordOfAdoption(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(time.Second)
		f := w.o.Hasher.Part(secret.New([]byte("v1")))
		w.e.noteAdoption("K", rotation.Sighted{At: now(), Holders: map[key.Fingerprint][]key.Consumer{f: {"unit:a"}}})
		w.wantTable()
	})
}

func TestTooManyConsumersForgetTheLongestKnown(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, current := w.fresh()
		defer w.stop()
		for i := range maxAdoptions + 2 {
			pass(time.Millisecond)
			w.e.adopted("K", key.NewConsumer(key.ConsumerContainer, fmt.Sprint(i)), current, byItself)
		}
		got := strings.Join(w.table(), "\n") + "\n"
		if n := len(w.table()); n != maxAdoptions || strings.Contains(got, "container:1 ") || !strings.Contains(got, "container:2 ") {
			t.Errorf("%d kept", n)
		}
	})
}

// Somebody who may read a sink and comes by ever new names neither makes the others forgotten,
// nor keeps them from being heard.
func TestNobodyPushesADeclaredConsumerOut(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setup = func(o *Options) { o.Keys[0].Consumers = []key.Consumer{"unit:app.service", "unit:late.service"} }
		_, current := w.fresh()
		defer w.stop()
		w.e.adopted("K", "unit:app.service", current, byScan)
		for i := range maxAdoptions + 2 {
			pass(time.Millisecond)
			w.e.adopted("K", key.NewConsumer(key.ConsumerProcess, fmt.Sprintf("eve/%d", i)), current, byScan)
		}
		if _, err := w.e.Adopted(root, admin.Adopted{Key: "K", Consumer: "unit:late.service", Fingerprint: current.String()}); err != nil {
			t.Errorf("who is declared is not heard: %v", err)
		}
		got := strings.Join(w.table(), "\n")
		for _, c := range w.e.keys["K"].Consumers {
			if !strings.Contains(got, string(c)+" current") {
				t.Errorf("%s is forgotten", c)
			}
		}
	})
}

func TestWhoSaysItInAnothersNameIsToldAsThat(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setup = func(o *Options) {
			o.Keys[0].Consumers = []key.Consumer{"unit:app.service"}
			o.Sinks[0].Path = os.Args[0] // somebody's file
			o.Attribute = func(pid int, _ uint32) key.Consumer {
				if pid == 11 {
					return "unit:app.service"
				}
				return ""
			}
		}
		_, current := w.fresh()
		defer w.stop()
		by := admin.Speaker{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
		for _, c := range []struct {
			pid int
			how string
		}{{4711, byOther}, {11, byItself}, {4711, byItself}} { // who can know better is believed
			by.PID = c.pid
			got, err := w.e.Adopted(by, admin.Adopted{Key: "K", Consumer: "unit:app.service", Fingerprint: current.String()})
			if err != nil || got.How != c.how {
				t.Errorf("process %d: %+v, %v", c.pid, got, err)
			}
		}
	})
}

func TestUnderANewSaltNobodyHasAdoptedAnything(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, current := w.fresh()
		w.e.adopted("K", "unit:a", current, byScan)
		w.stop()
		w.setup = func(o *Options) { o.Hasher = secret.NewHasher(secret.New([]byte("another"))) }
		w.start()
		defer w.stop()
		pass(time.Second)
		if err := w.e.store.Each(kindAdoption, func(id string, raw json.RawMessage) error {
			t.Errorf("%s: %s", id, raw)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
