package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/report"
)

// A told is a systemd that listens, and an engine to speak of.
type told struct {
	mu       sync.Mutex
	messages []string
	stuck    error
	alerts   int
	log      bytes.Buffer
	ready    chan struct{}
}

func (w *told) notifier(watchdog time.Duration) *notifier {
	w.ready = make(chan struct{})
	return &notifier{
		ready: w.ready, watchdog: watchdog, log: slog.New(slog.NewTextHandler(&w.log, nil)),
		alive: func() error { w.mu.Lock(); defer w.mu.Unlock(); return w.stuck },
		status: func() report.Status {
			w.mu.Lock()
			defer w.mu.Unlock()
			return report.Status{Keys: []report.Key{{Current: &report.Current{}}, {}}, Alerts: make([]alerts.Data, w.alerts)}
		},
		send: func(state string) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.messages = append(w.messages, state)
			return true, nil
		},
	}
}

// take is what was said since the last take.
func (w *told) take() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.messages
	w.messages = nil
	return got
}

func (w *told) set(stuck error, alerts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck, w.alerts = stuck, alerts
}

func wants(t *testing.T, rule string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: told %q, want %q", rule, got, want)
	}
}

func TestTheWatchdogIsServedOnlyWhileTheEngineLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &told{}
		n := w.notifier(30 * time.Second)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx) }()

		time.Sleep(time.Hour)
		wants(t, "nothing before the first verdicts", w.take())
		close(w.ready)
		wants(t, "ready, and how it stands", w.take(), "READY=1\nSTATUS=1 of 2 keys delivered, 0 alerts open")
		time.Sleep(15*time.Second - time.Nanosecond)
		wants(t, "not before half of the watchdog's time", w.take())
		time.Sleep(time.Nanosecond)
		wants(t, "at half of it", w.take(), "WATCHDOG=1")

		w.set(nil, 1)
		time.Sleep(15 * time.Second)
		wants(t, "what changed is said", w.take(), "STATUS=1 of 2 keys delivered, 1 alert open\nWATCHDOG=1")
		time.Sleep(15 * time.Second)
		wants(t, "what did not is not said again", w.take(), "WATCHDOG=1")

		w.set(errors.New("nothing was scheduled"), 2)
		time.Sleep(time.Hour)
		wants(t, "a stuck engine gets no beat", w.take())
		if got := strings.Count(w.log.String(), "nothing was scheduled"); got != 1 {
			t.Errorf("why is logged %d times", got)
		}
		w.set(nil, 2)
		time.Sleep(15 * time.Second)
		wants(t, "one that goes on does", w.take(), "STATUS=1 of 2 keys delivered, 2 alerts open\nWATCHDOG=1")

		stop()
		<-done
		wants(t, "the end", w.take(), "STOPPING=1\nSTATUS=stopping; what is delivered stays")
	})
}

func TestAReloadIsToldWithItsTimeAndItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &told{}
		n := w.notifier(0)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx) }()
		n.reloading()
		n.reloaded(nil)
		wants(t, "a reload before the first verdicts does not speak for them", w.take())
		close(w.ready)
		w.take()

		n.reloading()
		got := w.take()
		if len(got) != 1 || !strings.HasPrefix(got[0], "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got[0], "\nSTATUS=reloading") {
			t.Errorf("told %q", got)
		}
		n.reloaded(errors.New("livekey.yaml:3:5: unknown field\rMAINPID=1\n    kys: ***\n"))
		const refused = "STATUS=reload refused, the config before holds: livekey.yaml:3:5: unknown field; 1 of 2 keys delivered, "
		wants(t, "a refused one says why, in one line", w.take(), "READY=1\n"+refused+"0 alerts open")
		w.set(nil, 3)
		time.Sleep(statusEvery)
		wants(t, "and goes on saying so, without a watchdog", w.take(), refused+"3 alerts open")
		n.reloading()
		w.take()
		n.reloaded(nil)
		wants(t, "until one goes well", w.take(), "READY=1\nSTATUS=1 of 2 keys delivered, 3 alerts open")
		stop()
		<-done
	})
}

func TestReadyIsSaidUntilItIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &told{}
		n := w.notifier(0)
		listening := n.send
		var hears atomic.Bool
		n.send = func(state string) (bool, error) {
			if !hears.Load() {
				return false, errors.New("nobody reads")
			}
			return listening(state)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx) }()
		close(w.ready)
		synctest.Wait()
		hears.Store(true)
		time.Sleep(statusEvery)
		wants(t, "again", w.take(), "READY=1")
		time.Sleep(statusEvery)
		wants(t, "once", w.take())
		stop()
		<-done
	})
}

// A systemd whose queue is full must not hold up what tells it.
func TestASystemdThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	send := sendTo(socket)
	if sent, err := send("READY=1"); !sent || err != nil {
		t.Fatalf("sent %v, %v", sent, err)
	}
	done := make(chan error)
	go func() {
		for {
			if _, err := send("WATCHDOG=1"); err != nil {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(10 * sendLimit):
		t.Error("it waits for ever")
	}
	if sent, err := sendTo("")("READY=1"); sent || err != nil {
		t.Errorf("to nobody: sent %v, %v", sent, err)
	}
}

func TestWithoutSystemdNothingIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &told{}
		n := w.notifier(0)
		asked := 0
		n.send = func(string) (bool, error) { return false, nil }
		n.status = func() report.Status { asked++; return report.Status{} }
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx) }()
		close(w.ready)
		time.Sleep(time.Hour)
		stop()
		<-done
		if asked > 1 {
			t.Errorf("the status was made %d times for nobody", asked)
		}
	})
}
