package engine

import (
	"context"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// slowSource answers with what was there when it was asked.
type slowSource struct{ *fakeSource }

const slowRead = 2 * time.Second

func (s slowSource) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	rec, err := s.fakeSource.Fetch(ctx, loc)
	time.Sleep(slowRead)
	return rec, err
}

func TestWhatChangesWhileItIsReadIsReadOnceMore(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.setup = func(o *Options) { o.Sources["src"] = slowSource{w.source} }
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(slowRead / 2)
		w.source.set("K", "v2") // the read that is under way does not see it
		pass(slowRead)
		w.wantSink("v1")
		pass(slowRead)
		w.wantSink("v2")
	})
}
