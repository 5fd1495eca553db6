package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
)

const killConfig = `
keys:
  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $ISSUER}
  DEAD: {from: file://$DIR/source/DEAD, provider: anthropic, base_url: $ISSUER}
  pair: {from: file://$DIR/source/pair, provider: none, env: {PAIR_ID: id, PAIR_SECRET: secret}}
sinks:
  app: {kind: env_file, path: $DIR/sinks/app/app.env, keys: [A, pair], complete: true}
  files: {kind: directory, path: $DIR/sinks/files, keys: [A, pair], complete: true}
  quiet: {kind: env_file, path: $DIR/sinks/quiet.env, keys: [DEAD]}
  quietfiles: {kind: directory, path: $DIR/sinks/quietfiles, keys: [DEAD]}
`

// A history numbers the values that were offered, in their order.
type history struct {
	mu     sync.Mutex
	number map[string]int
}

func (h *history) add(v string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number[v] = len(h.number) + 1
}

func (h *history) of(v string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.number[v]
}

// A watcher reads one sink as fast as it can and keeps the first thing that is
// wrong with what it saw.
type watcher struct {
	what  string
	read  func() (map[string]string, error)
	known *history

	reads, changes int
	fault          error
}

// run reads until stop is closed. A whole content has every variable, each with a
// value that was offered, both parts of the pair of one version, and nothing is
// older than what was seen before.
func (r *watcher) run(stop <-chan struct{}) {
	last := map[string]int{}
	there := false
	for r.fault == nil {
		select {
		case <-stop:
			return
		default:
		}
		got, err := r.read()
		if err != nil {
			if there {
				r.fault = fmt.Errorf("cannot be read any more: %w", err)
			}
			continue
		}
		there = true
		r.reads++
		now := map[string]int{"A": r.known.of(got["A"]), "PAIR": pairNumber(got["PAIR_ID"], "id")}
		switch {
		case len(got) != 3:
			r.fault = fmt.Errorf("has %d variables, not 3", len(got))
		case now["A"] == 0:
			r.fault = fmt.Errorf("has a value of %d characters that was never offered", len(got["A"]))
		case now["PAIR"] == 0 || now["PAIR"] != pairNumber(got["PAIR_SECRET"], "secret"):
			r.fault = errors.New("has parts of two versions")
		case now["A"] < last["A"] || now["PAIR"] < last["PAIR"]:
			r.fault = fmt.Errorf("went back from %v to %v", last, now)
		}
		if now["A"] != last["A"] || now["PAIR"] != last["PAIR"] {
			r.changes++
		}
		last = now
	}
}

// pairText is version n of the key with two parts; pairNumber reads n back from one.
func pairText(n int) string {
	return fmt.Sprintf(`{"id":"id-%06d-%s","secret":"secret-%06d-%s"}`, n, strings.Repeat("i", 20), n, strings.Repeat("s", 400))
}

func pairNumber(v, part string) int {
	rest, ok := strings.CutPrefix(v, part+"-")
	number, filler, ok2 := strings.Cut(rest, "-")
	n, err := strconv.Atoi(number)
	if !ok || !ok2 || err != nil || len(filler) != map[string]int{"id": 20, "secret": 400}[part] {
		return 0
	}
	return n
}

// sameFile says whether path is still the file that it was: inode and time.
func sameFile(t testing.TB, path string) func() bool {
	t.Helper()
	before, err := os.Stat(path)
	must(t, err)
	return func() bool {
		after, err := os.Stat(path)
		return err == nil && os.SameFile(before, after) && before.ModTime().Equal(after.ModTime())
	}
}

func TestKilledFiftyTimesDuringRotations(t *testing.T) {
	need.All(t, "P6 P9: 50 kills of the whole daemon at random times", need.Linux)
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	w.configure(killConfig)
	offered := &history{number: map[string]int{}}
	pairs := 0
	want := map[string]string{}
	offer := func() {
		want["A"] = w.newKey()
		offered.add(want["A"])
		w.put("A", want["A"])
		pairs++
		w.put("pair", pairText(pairs))
	}
	newest := func() error {
		var faults []error
		for _, read := range []func() (map[string]string, error){
			func() (map[string]string, error) { return readEnv(w.path("sinks/app/app.env")) },
			func() (map[string]string, error) { return readDirectory(w.path("sinks/files")) },
		} {
			got, err := read()
			if err != nil || got["A"] != want["A"] || pairNumber(got["PAIR_ID"], "id") != pairs {
				faults = append(faults, fmt.Errorf("does not hold A %d and pair %d, but %d and %d (%w)",
					offered.of(want["A"]), pairs, offered.of(got["A"]), pairNumber(got["PAIR_ID"], "id"), err))
			}
		}
		return errors.Join(faults...)
	}

	// One key is dead all along: its alert is open, its sinks have nothing to write.
	dead := w.newKey()
	w.put("DEAD", dead)
	offer()
	w.start().awaitReady()
	w.until("first delivery", patience, newest)
	w.issuer.Revoke(dead)
	alarm := w.awaitWebhook(alerts.Opened, key.KeyDead, "DEAD")
	generation, err := os.Readlink(w.path("sinks/quietfiles/..data"))
	must(t, err)
	quiet := sameFile(t, w.path("sinks/quiet.env"))

	stop := make(chan struct{})
	watchers := []*watcher{
		{what: "env file", known: offered, read: func() (map[string]string, error) { return readEnv(w.path("sinks/app/app.env")) }},
		{what: "directory", known: offered, read: func() (map[string]string, error) { return readDirectory(w.path("sinks/files")) }},
	}
	var reading sync.WaitGroup
	for _, r := range watchers {
		reading.Go(func() { r.run(stop) })
	}

	const kills = 50
	midway := 0
	for i := range kills {
		nothingNew := i%5 == 4
		env, data := sameFile(t, w.path("sinks/app/app.env")), ""
		if nothingNew {
			data, err = os.Readlink(w.path("sinks/files/..data"))
			must(t, err)
			time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		} else {
			for range 1 + random.IntN(3) {
				offer()
				time.Sleep(time.Duration(random.IntN(25_000)) * time.Microsecond)
			}
		}
		w.daemon.kill()
		if newest() != nil {
			midway++
		}
		w.start().awaitReady()
		w.until(fmt.Sprintf("kill %d: it converges", i), patience, newest)
		if found := leftovers(t, w.path("sinks"), w.path("state")); len(found) > 0 {
			// A write may be on its way; what a killed life left stays.
			time.Sleep(200 * time.Millisecond)
			if found = leftovers(t, w.path("sinks"), w.path("state")); len(found) > 0 {
				t.Fatalf("kill %d: left behind after READY: %v", i, found)
			}
		}
		a, err := w.openAlert(key.KeyDead, "DEAD")
		if err != nil || a.ID != alarm {
			t.Fatalf("kill %d: the open alert has id %q, it was %q (%v)", i, a.ID, alarm, err)
		}
		if nothingNew {
			now, err := os.Readlink(w.path("sinks/files/..data"))
			if err != nil || now != data || !env() {
				t.Fatalf("kill %d: nothing was new, and a sink was written (%v)", i, err)
			}
		}
	}
	close(stop)
	reading.Wait()
	for _, r := range watchers {
		t.Logf("%s: %d reads, %d changes", r.what, r.reads, r.changes)
		if r.fault != nil {
			t.Errorf("%s: %v", r.what, r.fault)
		}
		if r.changes < kills/2 {
			t.Errorf("%s: only %d changes were seen", r.what, r.changes)
		}
	}
	t.Logf("%d of %d kills came before the end of a delivery", midway, kills)
	if midway == 0 {
		t.Error("no kill came before the end of a delivery: nothing was tested")
	}
	if now, err := os.Readlink(w.path("sinks/quietfiles/..data")); err != nil || now != generation || !quiet() {
		t.Errorf("a sink with nothing new was written (%v)", err)
	}
	ids := map[string]bool{}
	for _, a := range w.hook.received() {
		if a.Data.Cause == key.KeyDead && string(a.Data.Key) == "DEAD" {
			ids[a.Data.ID] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("the alert of the dead key was sent with %d ids", len(ids))
	}
	generations, err := filepath.Glob(w.path("sinks/files/..2*"))
	must(t, err)
	if len(generations) > 10 {
		t.Errorf("%d old generations are left in the directory", len(generations))
	}
}

// What the watchers promise to see, they see.
func TestAWatcherSeesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	first, second := fakeissuer.NewAnthropicKey(), fakeissuer.NewAnthropicKey()
	known := &history{number: map[string]int{}}
	known.add(first)
	known.add(second)
	content := func(a string, id, secret int) map[string]string {
		return map[string]string{
			"A": a, "PAIR_ID": fmt.Sprintf("id-%06d-%s", id, strings.Repeat("i", 20)),
			"PAIR_SECRET": fmt.Sprintf("secret-%06d-%s", secret, strings.Repeat("s", 400)),
		}
	}
	short := content(second, 2, 2)
	delete(short, "PAIR_SECRET")
	cut := content(second, 2, 2)
	cut["PAIR_SECRET"] = cut["PAIR_SECRET"][:300]
	for _, tc := range []struct {
		rule  string
		after map[string]string
		err   error
		whole bool
	}{
		{"the next version is whole", content(second, 2, 2), nil, true},
		{"a value that is cut", content(second[:50], 2, 2), nil, false},
		{"a value that nobody offered", content(fakeissuer.NewAnthropicKey(), 2, 2), nil, false},
		{"parts of two versions", content(second, 2, 1), nil, false},
		{"a variable is missing", short, nil, false},
		{"a part is cut", cut, nil, false},
		{"an older version", content(first, 1, 1), nil, false},
		{"the sink is gone", nil, os.ErrNotExist, false},
	} {
		stop := make(chan struct{})
		n := 0
		r := &watcher{known: known, read: func() (map[string]string, error) {
			n++
			switch n {
			case 1:
				return content(second, 2, 2), nil
			case 2:
				return tc.after, tc.err
			}
			select {
			case <-stop:
			default:
				close(stop)
			}
			return content(second, 2, 2), nil
		}}
		r.run(stop)
		if (r.fault == nil) != tc.whole {
			t.Errorf("%s: %v", tc.rule, r.fault)
		}
	}
}
