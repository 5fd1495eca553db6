package sourcetest

import (
	"context"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

func watch(t *testing.T, h Harness) {
	h.Put(t, "WATCHED", []byte("first"))
	h.Put(t, "OTHER", []byte("other"))
	watcher, ok := h.Open(t).(sources.Watcher)
	if !ok {
		t.Skip("the source has no watch")
	}
	within := h.Within
	if within == 0 {
		within = time.Second
	}

	ctx, cancel := context.WithCancel(t.Context())
	loc := h.Location("WATCHED")
	told := make(chan key.Location, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- watcher.Watch(ctx, []key.Location{loc}, func(l key.Location) { told <- l })
	}()
	defer func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("watch ended with %v after its context did, want nil", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("watch goes on 5 s after its context ended")
		}
	}()

	quiet(t, told, loc, within)
	h.Put(t, "WATCHED", []byte("second"))
	hears(t, told, loc, within, "a change")
	quiet(t, told, loc, within)
	h.Delete(t, "WATCHED")
	hears(t, told, loc, within, "a deletion")
	h.Put(t, "WATCHED", []byte("third"))
	hears(t, told, loc, within, "a return")
	quiet(t, told, loc, within)
	h.Put(t, "OTHER", []byte("another"))
	select {
	case <-told:
		t.Error("a change of another record was told")
	case <-time.After(within / 5):
	}
}

// quiet waits until nothing has been told for a while: a watch may tell of its
// locations once when it begins, and twice of one change.
func quiet(t *testing.T, told <-chan key.Location, loc key.Location, within time.Duration) {
	t.Helper()
	for range 20 {
		select {
		case got := <-told:
			if got != loc {
				t.Fatalf("told of %s, asked for %s", got, loc)
			}
		case <-time.After(within / 5):
			return
		}
	}
	t.Fatal("told again and again of a record that does not change")
}

func hears(t *testing.T, told <-chan key.Location, loc key.Location, within time.Duration, what string) {
	t.Helper()
	select {
	case got := <-told:
		if got != loc {
			t.Fatalf("told of %s, asked for %s", got, loc)
		}
	case <-time.After(within):
		t.Fatalf("%s was not told within %s", what, within)
	}
}
