package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// fakeLog is a log that a test writes.
type fakeLog struct {
	mu      sync.Mutex
	line    func([]byte)
	trouble func(error)
	follows int
	said    lockedBuffer // what livekey logs
}

func (l *fakeLog) Follow(ctx context.Context, line func([]byte), trouble func(error)) {
	l.mu.Lock()
	l.line, l.trouble = line, trouble
	l.follows++
	l.mu.Unlock()
	<-ctx.Done()
}

func (l *fakeLog) write(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range lines {
		l.line([]byte(s))
	}
}

func has(text string) func([]byte) bool {
	return func(line []byte) bool { return strings.Contains(string(line), text) }
}

// logged is a world with one log for the keys K and L.
func logged(t *testing.T, f func(t *testing.T, w *world, l *fakeLog)) {
	bubble(t, func(t *testing.T, w *world) {
		l := &fakeLog{}
		w.setup = func(o *Options) {
			o.Log = slog.New(slog.NewTextHandler(&l.said, nil))
			o.Logs = []Log{{
				Name: "the journal of app.service", Consumer: "unit:app.service", Follower: l,
				Keys: []LoggedKey{{Key: "K", Match: has("401")}, {Key: "L", Match: has("403")}},
			}}
		}
		for _, v := range []string{"v1", "l1"} {
			w.issuer.is(v, key.Live, key.Valid, "ours")
		}
		w.source.set("K", "v1")
		w.source.set("L", "l1")
		w.start()
		defer func() { w.stop() }()
		pass(5*time.Minute + time.Second)
		f(t, w, l)
	}, "K", "L")
}

func TestALineIsAReportOfTheKeysThatItIsAbout(t *testing.T) {
	logged(t, func(t *testing.T, w *world, l *fakeLog) {
		k, other := w.issuer.count("v1"), w.issuer.count("l1")
		l.write("GET / 200", "status 401", "status 401", "status 401 again")
		pass(time.Second)
		if a, b := w.issuer.count("v1")-k, w.issuer.count("l1")-other; a != 1 || b != 0 {
			t.Fatalf("asked %d times about the one, %d about the other", a, b)
		}
		l.write("403 and 401")
		pass(time.Second)
		if a, b := w.issuer.count("v1")-k, w.issuer.count("l1")-other; a != 1 || b != 1 {
			t.Fatalf("in the same minute: %d and %d times", a, b)
		}
		pass(time.Minute)
		l.write("401")
		pass(time.Second)
		if a := w.issuer.count("v1") - k; a != 2 {
			t.Fatalf("in the next minute: %d times in all", a)
		}
		if l.follows != 1 {
			t.Errorf("followed by %d for two keys", l.follows)
		}
		w.wantStory()
	})
}

// A key that the consumer logged reaches no log of livekey's, and no journal.
func TestALineIsNotKept(t *testing.T) {
	const canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"
	var text lockedBuffer
	bubble(t, func(t *testing.T, w *world) {
		l := &fakeLog{}
		w.setup = func(o *Options) {
			o.Log = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Logs = []Log{{Name: "file /var/log/app.log", Follower: l, Keys: []LoggedKey{{Key: "K", Match: has("401")}}}}
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(time.Second)
		l.write("401 with " + canary)
		pass(time.Second)
		if got := text.String(); !strings.Contains(got, "refusal reported") || strings.Contains(got, canary[3:12]) {
			t.Errorf("logged:\n%s", got)
		}
	})
}

func TestALogThatCannotBeReadIsShownAndSaidOnce(t *testing.T) {
	logged(t, func(t *testing.T, w *world, l *fakeLog) {
		for range 3 {
			l.trouble(errors.New("follow log: no such file"))
		}
		want := []string{"the journal of app.service: follow log: no such file"}
		for _, k := range w.e.Status().Keys {
			if !slices.Equal(k.UnreadLogs, want) {
				t.Errorf("%s: %q", k.Name, k.UnreadLogs)
			}
		}
		if n := strings.Count(l.said.String(), "log not read"); n != 1 {
			t.Errorf("said %d times", n)
		}
		l.trouble(fmt.Errorf("follow log: %w", &fs.PathError{Op: "stat", Path: "/x", Err: fs.ErrNotExist}))
		if got := w.e.Status().Keys[0].UnreadLogs; !slices.Equal(got, []string{"the journal of app.service: file does not exist"}) {
			t.Errorf("%q", got)
		}
		l.trouble(nil)
		if k := w.e.Status().Keys[0]; k.UnreadLogs != nil {
			t.Errorf("read again: %q", k.UnreadLogs)
		}
	})
}

// lockedBuffer takes what many write.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
