package engine

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sinks"
)

// brokenSink can be neither probed nor read nor written.
type brokenSink struct{ *fakeSink }

func (brokenSink) Probe(context.Context) error { return errBoom }

func (brokenSink) Read(context.Context) (sinks.Content, error) {
	return sinks.Content{}, errBoom
}

func TestASinkThatFailsIsLoggedOnceForEachReason(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.sinks["app"].fail(errBoom)
		var log bytes.Buffer
		w.setup = func(o *Options) {
			o.Log = slog.New(slog.NewJSONHandler(&log, nil))
			o.Sinks[0].Sink = brokenSink{w.sinks["app"]}
		}
		w.start()
		pass(10 * time.Minute)
		w.stop()
		if n := strings.Count(log.String(), "sink not written"); n != 1 {
			t.Errorf("said %d times in ten minutes:\n%s", n, log.String())
		}
		w.wantStory("opened sink_failed")
	})
}
