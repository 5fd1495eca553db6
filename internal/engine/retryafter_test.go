package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

func TestASourceThatAsksForTimeGetsIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.source.fail(fmt.Errorf("read: %w", &sources.RetryError{After: 10 * time.Minute, Err: errBoom}))
		pass(time.Minute) // the next poll hears of it
		reads := w.source.count()
		pass(9 * time.Minute)
		if n := w.source.count() - reads; n != 0 {
			t.Errorf("read %d times in the time that it asked for", n)
		}
		w.source.fail(nil)
		pass(3 * time.Minute)
		if w.source.count() == reads {
			t.Error("not read after that time")
		}
		w.wantSink("v1")
	})
}
