package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// asked is a Vault that only knows where mounts are, and takes a second to say it.
type asked struct {
	engines map[string]int // mount: version
	status  int            // instead of an answer, if set
	paths   []string
	mu      sync.Mutex
}

func (a *asked) ask(ctx context.Context, k call) (answer, error) {
	path := strings.TrimPrefix(k.path, "sys/internal/ui/mounts/")
	a.mu.Lock() // not while it waits: a bubble's time stands still while a mutex is waited for
	a.paths = append(a.paths, k.namespace+"/"+path)
	a.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	if a.status != 0 {
		return answer{status: a.status}, nil
	}
	for mount, kv := range a.engines {
		if strings.HasPrefix(path, mount+"/") {
			return answer{status: 200, body: fmt.Appendf(nil, `{"data":{"path":"%s/","type":"kv","options":{"version":"%d"}}}`, mount, kv)}, nil
		}
	}
	return answer{status: 403, body: []byte(`{"errors":["preflight capability check returned 403"]}`)}, nil
}

func TestOneQuestionForEachMountHoweverManyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &asked{engines: map[string]int{"secret": 2, "team/kv": 1, "team/other": 2}}
		m := newMounts(v.ask)
		var all sync.WaitGroup
		for i := range 999 {
			for mount, kv := range v.engines {
				all.Go(func() {
					at, err := m.place(t.Context(), location{path: fmt.Sprintf("%s/a/%d", mount, i)})
					if err != nil || at.mount != mount || at.kv != kv || at.path != fmt.Sprintf("a/%d", i) {
						t.Errorf("%+v, err = %v", at, err)
					}
				})
			}
		}
		all.Wait()
		if len(v.paths) != 3 {
			t.Errorf("Vault was asked %d times about three mounts: %v", len(v.paths), v.paths)
		}
		if _, err := m.place(t.Context(), location{namespace: "team", path: "secret/a"}); err != nil || len(v.paths) != 4 {
			t.Errorf("a mount of another namespace is another: asked %d times, err = %v", len(v.paths), err)
		}
	})
}

func TestFailedQuestionIsSharedByTheFolderThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &asked{}
		m := newMounts(v.ask)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				path := fmt.Sprintf("nope/a/%d", i)
				_, err := m.place(t.Context(), location{path: path})
				if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), fmt.Sprintf(`path "nope/data/a/%d" { capabilities = ["read"] }`, i)) ||
					!strings.Contains(err.Error(), "?mount=nope&kv=2") {
					t.Errorf("err = %v, want denied with the policy and the fields that are needed", err)
				}
			})
		}
		all.Wait()
		if len(v.paths) != 1 {
			t.Errorf("asked %d times", len(v.paths))
		}
		v.engines = map[string]int{"nope": 2}
		if _, err := m.place(t.Context(), location{path: "nope/a/1"}); err != nil {
			t.Errorf("a later read shares an old error: %v", err)
		}
	})
}

func TestQuestionThatRanOutOfItsCallersTimeIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMounts((&asked{engines: map[string]int{"secret": 2}}).ask)
		hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := m.place(hurried, location{path: "secret/a"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
		})
		synctest.Wait() // until the one in a hurry has the turn
		all.Go(func() {
			if _, err := m.place(t.Context(), location{path: "secret/b"}); err != nil {
				t.Errorf("a patient read got another's deadline: %v", err)
			}
		})
		all.Wait()
	})
}

func TestMountIsAskedAboutAgainWhenAReadSaysThatItChanged(t *testing.T) {
	missing := fmt.Errorf("no secret: %w", key.ErrNotFound)
	for _, test := range []struct {
		rule   string
		err    error
		after  time.Duration // since the mount was asked about
		change bool
		moved  bool
		asked  int
	}{
		{"an engine of the other version is noticed at once", ErrVersion, 0, true, true, 2},
		{"so is a mount that is gone", fmt.Errorf("%w (%w)", ErrNoMount, key.ErrNotFound), 0, true, true, 2},
		{"a secret that is not there is nothing new within a minute", missing, mountPause - time.Second, true, false, 1},
		{"and may be another engine's later", missing, mountPause, true, true, 2},
		{"so may a read that is denied", ErrDenied, mountPause, true, true, 2},
		{"a deleted version was told by the right engine", fmt.Errorf("%w (%w)", ErrDeleted, key.ErrNotFound), time.Hour, true, false, 1},
		{"an outage says nothing of mounts", ErrSealed, time.Hour, true, false, 1},
		{"nothing new is asked once a minute", ErrVersion, 0, false, false, 2},
	} {
		t.Run(test.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &asked{engines: map[string]int{"secret": 2}}
				m := newMounts(v.ask)
				at := location{path: "secret/a"}
				was, err := m.place(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				if test.change {
					v.engines = map[string]int{"secret": 1}
				}
				time.Sleep(test.after)
				for range 5 {
					now, moved := m.again(t.Context(), at, was, test.err)
					if moved != test.moved || moved && now.kv != 1 {
						t.Errorf("moved: %t, to %+v; want %t", moved, now, test.moved)
					}
				}
				if len(v.paths) != test.asked {
					t.Errorf("asked %d times, want %d", len(v.paths), test.asked)
				}
				if now, err := m.place(t.Context(), at); err != nil || test.moved != (now.kv == 1) {
					t.Errorf("afterwards: %+v, err = %v", now, err)
				}
			})
		})
	}
}

func TestWhatIsKnownOfAMountSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &asked{engines: map[string]int{"secret": 1}}
		m := newMounts(v.ask)
		at := location{path: "secret/a"}
		was, err := m.place(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		v.status = 503
		if _, moved := m.again(t.Context(), at, was, ErrVersion); moved {
			t.Error("an outage moved the mount")
		}
		if now, err := m.place(t.Context(), at); err != nil || now != was {
			t.Errorf("%+v, err = %v", now, err)
		}
	})
}

func TestNothingIsAskedWhereTheConfigSaysIt(t *testing.T) {
	v := &asked{}
	m := newMounts(v.ask)
	for _, at := range []key.Location{
		{Path: "secret/a", Params: "kv=2"},
		{Path: "a", Params: "kv=1&mount=team/kv"},
	} {
		loc, err := parseLocation(at, 0)
		if err != nil {
			t.Fatal(err)
		}
		if placed, err := m.place(t.Context(), loc); err != nil || placed != loc {
			t.Errorf("%+v, err = %v", placed, err)
		}
		if _, moved := m.again(t.Context(), loc, loc, ErrVersion); moved {
			t.Error("what the config says was asked about")
		}
	}
	if len(v.paths) != 0 {
		t.Errorf("asked %v", v.paths)
	}
}

func TestAnswerAboutAMount(t *testing.T) {
	const v2 = `"type":"kv","options":{"version":"2"}`
	for _, test := range []struct {
		rule, body string
		at         location
		want       location
		says       string // in the error; "": none
	}{
		{"version 2", `{"data":{"path":"secret/",` + v2 + `}}`, location{path: "secret/a/b"}, location{mount: "secret", path: "a/b", kv: 2}, ""},
		{"no options is version 1", `{"data":{"path":"secret/","type":"kv","options":null}}`, location{path: "secret/a"}, location{mount: "secret", path: "a", kv: 1}, ""},
		{"the engine before KV", `{"data":{"path":"old/","type":"generic"}}`, location{path: "old/a"}, location{mount: "old", path: "a", kv: 1}, ""},
		{"a mount with slashes", `{"data":{"path":"team/kv/",` + v2 + `}}`, location{path: "team/kv/a"}, location{mount: "team/kv", path: "a", kv: 2}, ""},
		{"a mount that the reference names", `{"data":{"path":"team/kv/",` + v2 + `}}`, location{mount: "team/kv", path: "a"}, location{mount: "team/kv", path: "a", kv: 2}, ""},
		{
			"a mount told with the namespace that was asked in",
			`{"data":{"path":"ns/sub/secret/",` + v2 + `}}`,
			location{namespace: "ns", path: "sub/secret/a"},
			location{namespace: "ns", mount: "sub/secret", path: "a", kv: 2},
			"",
		},
		{"a reference that names less than the mount", `{"data":{"path":"team/kv/",` + v2 + `}}`, location{mount: "team", path: "kv/a"}, location{}, "write ?mount=team/kv"},
		{"a path that ends with the mount", `{"data":{"path":"team/kv/",` + v2 + `}}`, location{path: "team/kv"}, location{}, "behind it is missing"},
		{"another kind of engine", `{"data":{"path":"db/","type":"database"}}`, location{path: "db/creds/a"}, location{}, "none of KV"},
		{"a mount elsewhere", `{"data":{"path":"other/",` + v2 + `}}`, location{path: "secret/a"}, location{}, "elsewhere"},
		{"a version of a secret where there are none", `{"data":{"path":"secret/","type":"kv"}}`, location{path: "secret/a", version: 7}, location{}, "keeps no versions"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			e, err := answer{status: 200, body: []byte(test.body)}.engine(test.at)
			var got location
			if err == nil {
				got, err = test.at.in(e)
			}
			switch {
			case test.says != "":
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("err = %v, want %q", err, test.says)
				}
			case err != nil || got != test.want:
				t.Errorf("%+v, err = %v; want %+v", got, err, test.want)
			}
		})
	}
}
