package envfile

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/sinktest"
)

// A writer that its own reader understands otherwise must not get as far as the
// sink's name.
func TestWhatItsReaderReadsOtherwiseIsNotDelivered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.env")
	n, err := config.Parse("sink.yaml", "sinks.app", "path: "+path+"\n")
	if err != nil {
		t.Fatal(err)
	}
	made, err := FromConfig(sinks.Env{Name: "app", Log: slog.New(slog.DiscardHandler)}, n)
	if err != nil {
		t.Fatal(err)
	}
	s := made.(*Sink)
	if _, err := s.Write(t.Context(), sinktest.Entries(t, map[string]string{"A": "old"})); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	right := s.dialect.write
	s.dialect.write = func(to []byte, variable string, value []byte) []byte {
		return right(to, variable, append(slices.Clip(value), 'x'))
	}
	if _, err := s.Write(t.Context(), sinktest.Entries(t, map[string]string{"A": "new"})); err == nil {
		t.Error("no error")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the sink has %q, %v", after, err)
	}
}
