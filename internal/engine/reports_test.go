package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/validator"
)

var root = admin.Speaker{Trusted: true}

// report asks as somebody who is trusted, and returns what came of it.
func (w *world) report(by admin.Speaker, r admin.Unauthorized) report.Answer {
	w.t.Helper()
	if r.Key == "" {
		r.Key = "K"
	}
	a, err := w.e.Unauthorized(context.Background(), by, r, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// setUnseen is set, and no watcher says so.
func (s *fakeSource) setUnseen(path, value string) {
	s.mu.Lock()
	s.changed = nil
	s.mu.Unlock()
	s.set(path, value)
}

// takes makes every answer from now on take so long.
func (i *fakeIssuer) takes(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay = d
}

func TestWhatComesOfAReport(t *testing.T) {
	for _, c := range []struct {
		rule    string
		when    func(w *world) // after v1 was delivered long ago
		want    report.Found
		says    string
		version string
	}{
		{"a key that lives is fine", func(*world) {}, report.Fine, "accepts", "1"},
		{"a new version that nobody had read yet is here", func(w *world) {
			w.issuer.is("v2", key.Live, key.Valid, "ours")
			w.source.setUnseen("K", "v2")
		}, report.New, "newer version", "2"},
		{"so is one that was delivered lately", func(w *world) {
			w.issuer.is("v2", key.Live, key.Valid, "ours")
			w.source.set("K", "v2")
			pass(time.Hour)
		}, report.New, "newer version", "2"},
		{"one of long ago is no news", func(w *world) {
			w.issuer.is("v2", key.Live, key.Valid, "ours")
			w.source.set("K", "v2")
			pass(48 * time.Hour)
		}, report.Fine, "accepts", "2"},
		{"a key that is refused is dead, and not yet called so", func(w *world) {
			w.issuer.is("v1", key.Dead, key.Invalid, "")
		}, report.Dead, "before the key is called dead", "1"},
		{"a key without credit is blocked", func(w *world) {
			w.issuer.is("v1", key.Live, key.Blocked, "ours")
		}, report.Blocked, "does not let it be used", "1"},
		{"an issuer that cannot be asked says nothing", func(w *world) {
			w.issuer.blocked(key.Transient)
		}, report.Unknown, "transient", "1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.source.set("K", "v1")
				w.start()
				defer w.stop()
				pass(5*time.Minute + time.Second)
				c.when(w)
				a := w.report(root, admin.Unauthorized{})
				if a.Verdict != c.want || !strings.Contains(a.Message, c.says) || string(a.Version) != c.version || a.Action == "" {
					t.Errorf("%+v", a)
				}
				if len(a.Sinks) != 1 || a.Sinks[0].Path != "/sinks/app" || a.Sinks[0].WrittenAt.IsZero() {
					t.Errorf("sinks %+v", a.Sinks)
				}
			})
		})
	}
}

// A report asks the issuer and the source once, at once; for a minute nobody causes more.
func TestOneReportInAMinuteCausesWork(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(5*time.Minute + time.Second)
		asked, read := w.issuer.count("v1"), w.source.count()
		var all sync.WaitGroup
		w.issuer.takes(time.Second)
		for range 20 {
			all.Go(func() { w.report(root, admin.Unauthorized{}) })
		}
		all.Wait()
		if a, r := w.issuer.count("v1")-asked, w.source.count()-read; a != 1 || r != 1 {
			t.Fatalf("20 at once asked the issuer %d times and the source %d times", a, r)
		}
		pass(20 * time.Second)
		if a := w.report(root, admin.Unauthorized{}); a.Verdict != report.Fine || w.issuer.count("v1")-asked != 1 {
			t.Fatalf("in the same minute: %+v, asked %d times", a, w.issuer.count("v1")-asked)
		}
		pass(40 * time.Second)
		w.report(root, admin.Unauthorized{})
		if n := w.issuer.count("v1") - asked; n != 2 {
			t.Fatalf("in the next minute the issuer was asked %d times in all", n)
		}
		w.wantStory() // a report is no verdict and no alert
		if k := w.e.keys["K"]; k.snapshot().Current.Rejections != 0 {
			t.Error("reports are counted as rejections")
		}
	})
}

// Somebody who reports all day keeps neither a new key from being proved, nor the current one
// from being probed.
func TestReportsDoNotUseUpTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		asked := w.issuer.count("v1")
		for range 23 * 60 {
			pass(time.Minute)
			w.report(root, admin.Unauthorized{})
		}
		if n := w.issuer.count("v1") - asked; n > validator.DefaultBudget-50 {
			t.Errorf("the issuer was asked %d times", n)
		}
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		w.issuer.is("v2", key.Dead, key.Invalid, "")
		pass(30 * time.Minute)
		if !w.e.keys["K"].snapshot().Dead {
			t.Error("nobody noticed that the key died")
		}
	})
}

func TestAReportIsAnsweredInTimeWhateverHangs(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(5*time.Minute + time.Second)
		w.issuer.takes(time.Hour)
		began := time.Now()
		w.report(root, admin.Unauthorized{})
		if took := time.Since(began); took > reportWait {
			t.Errorf("took %s", took)
		}
		w.issuer.takes(0)
	})
}

func TestAReloadIsNoNewMinute(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		next := w.succeed()
		pass(time.Second)
		w.report(root, admin.Unauthorized{})
		next(func(*Options) {})
		defer func() { w.stop() }()
		pass(time.Second)
		asked := w.issuer.count("v1")
		w.report(root, admin.Unauthorized{})
		if w.issuer.count("v1") != asked {
			t.Error("a report right after a reload asks again")
		}
	})
}

// stranger is a user who is nobody here.
var stranger = admin.Speaker{UID: 64001, GID: 64001, Groups: []uint32{64002, 64003}, PID: 4711}

func TestWhoMaySpeakForAKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.env")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	for _, c := range []struct {
		rule string
		by   admin.Speaker
		key  string
		may  bool
	}{
		{"whoever is trusted", root, "K", true},
		{"the owner", admin.Speaker{UID: uid, GID: 64001}, "K", true},
		{"the group", admin.Speaker{UID: 64001, GID: gid}, "K", true},
		{"a supplementary group", admin.Speaker{UID: 64001, GID: 64001, Groups: []uint32{64002, gid}}, "K", true},
		{"nobody else", stranger, "K", false},
		{"by the variable too", root, "VARIABLE", true},
		{"for no key that is none", root, "NONE", false},
		{"a stranger hears the same of one that is none", stranger, "NONE", false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.setup = func(o *Options) {
					o.Sinks[0].Path = file
					o.Keys[0].Env = map[string]key.Part{"VARIABLE": key.DefaultPart}
				}
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.source.set("K", "v1")
				w.start()
				defer w.stop()
				pass(time.Second)
				asked := w.issuer.count("v1")
				_, err := w.e.Unauthorized(t.Context(), c.by, admin.Unauthorized{Key: c.key}, true)
				_, errAdopted := w.e.Adopted(c.by, admin.Adopted{Key: c.key, Consumer: "", Version: "9"})
				none := admin.ErrNoSuchKey
				if c.by.Trusted {
					none = key.ErrNotFound // and may hear which keys there are
				}
				if c.may != (err == nil) || !c.may && (!errors.Is(err, none) || !errors.Is(errAdopted, none)) {
					t.Errorf("%v; %v", err, errAdopted)
				}
				if !c.may && w.issuer.count("v1") != asked {
					t.Error("it caused work")
				}
			})
		})
	}
}

func TestForWhomSomebodySpeaks(t *testing.T) {
	app := admin.Speaker{UID: 64001, PID: 11}
	for _, c := range []struct {
		rule  string
		by    admin.Speaker
		named key.Consumer
		want  key.Consumer // "": refused
	}{
		{"for himself without a word", app, "", "unit:app.service"},
		{"for himself by name", app, "unit:app.service", "unit:app.service"},
		{"for nobody else", app, "unit:other.service", ""},
		{"nor for one that is declared", app, "pod:shop/api", ""},
		{"a livekey in a shell is no consumer", admin.Speaker{UID: 64001, PID: 12}, "", ""},
		{"who is not seen, for one that is declared", stranger, "pod:shop/api", "pod:shop/api"},
		{"who is not seen, for no other", stranger, "unit:app.service", ""},
		{"who is not seen and says nothing, for nobody", stranger, "", ""},
		{"who is trusted, for anybody", root, "host:web-2", "host:web-2"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.setup = func(o *Options) {
					o.Keys[0].Consumers = []key.Consumer{"pod:shop/api"}
					o.Attribute = func(pid int, uid uint32) key.Consumer {
						if pid == 11 && uid == 64001 {
							return "unit:app.service"
						}
						if pid == 12 {
							return "process:ada/livekey"
						}
						return ""
					}
				}
				w.start()
				defer w.stop()
				pass(time.Second)
				got, err := w.e.speaksFor(w.e.keys["K"], c.by, c.named)
				if got != c.want || c.named != "" && (err == nil) != (c.want != "") {
					t.Errorf("got %q, %v", got, err)
				}
			})
		})
	}
}

func TestAConsumerSaysWhatItHas(t *testing.T) {
	sum := func(v string) string { h := sha256.Sum256([]byte(v)); return hex.EncodeToString(h[:]) }
	bubble(t, func(t *testing.T, w *world) {
		old, current := w.fresh()
		defer w.stop()
		for _, c := range []struct {
			rule string
			says admin.Adopted
			want key.Stage
		}{
			{"by the fingerprint that is shown", admin.Adopted{Fingerprint: current.String()}, key.StageCurrent},
			{"an old one is what it is", admin.Adopted{Fingerprint: string(old)}, key.StagePrevious},
			{"by the backend's version", admin.Adopted{Version: "2"}, key.StageCurrent},
			{"by a digest", admin.Adopted{SHA256: sum("v1")}, key.StagePrevious},
			{"by that of the current", admin.Adopted{SHA256: sum("v2")}, key.StageCurrent},
			{"what was never delivered is refused", admin.Adopted{SHA256: sum("v3")}, ""},
			{"a version that is none too", admin.Adopted{Version: "7"}, ""},
		} {
			pass(claimEvery)
			c.says.Key, c.says.Consumer = "K", "unit:app.service"
			got, err := w.e.Adopted(root, c.says)
			if got.Stage != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s: %+v, %v", c.rule, got, err)
			}
		}
		w.wantTable("unit:app.service current, said so itself")
		says := func(version key.Version) error {
			_, err := w.e.Adopted(root, admin.Adopted{Key: "K", Consumer: "unit:app.service", Version: version})
			return err
		}
		if err := says("1"); err != nil {
			t.Errorf("who goes back: %v", err)
		}
		if err := says("2"); err != nil {
			t.Errorf("who moves on at once: %v", err)
		}
		if err := says("1"); !errors.Is(err, admin.ErrConflict) {
			t.Errorf("who goes back at once: %v", err)
		}
		pass(claimEvery)
		if err := says("1"); err != nil {
			t.Errorf("who goes back later: %v", err)
		}
	})
}

func TestWhoIsKnownToHaveAnOldVersionIsToldSo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old, _ := w.fresh()
		defer w.stop()
		pass(48 * time.Hour)
		w.e.adopted("K", "unit:app.service", old, byScan)
		a := w.report(root, admin.Unauthorized{Consumer: "unit:app.service"})
		if a.Verdict != report.New || !strings.Contains(a.Message, "unit:app.service has version "+old.String()) || a.Action != "restart app.service" {
			t.Errorf("%+v", a)
		}
		if a := w.report(root, admin.Unauthorized{Consumer: "unit:other.service"}); a.Verdict != report.Fine {
			t.Errorf("another: %+v", a)
		}
	})
}
