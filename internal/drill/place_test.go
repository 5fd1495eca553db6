package drill

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/livekey/livekey/internal/config"
)

func TestTheDrillsConfigHasNoFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check(t, fill(dir, "http://127.0.0.1:1", "http://127.0.0.1:2/livekey", "whsec_c2VjcmV0"))
	cfg, err := config.Load(filepath.Join(dir, configName), config.Kinds{
		Sources: []string{"file"}, Sinks: []string{"env_file", "directory"}, Channels: []string{"webhook"},
	})
	check(t, err)
	if len(cfg.Keys) != 2 || len(cfg.Sinks) != 2 || len(cfg.Alerts) != 1 {
		t.Errorf("the config has %d keys, %d sinks and %d channels", len(cfg.Keys), len(cfg.Sinks), len(cfg.Alerts))
	}
}

func TestAnOfferReplacesTheFileWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check(t, fill(dir, "http://127.0.0.1:1", "http://127.0.0.1:2/livekey", "whsec_c2VjcmV0"))
	path := filepath.Join(dir, sourceDir, mainKey)
	check(t, offer(dir, mainKey, oldV))
	before, err := os.Stat(path)
	check(t, err)
	check(t, offer(dir, mainKey, newV))
	after, err := os.Stat(path)
	check(t, err)
	b, err := os.ReadFile(path)
	check(t, err)
	if string(b) != newV || os.SameFile(before, after) {
		t.Error("the file was written in place, or not at all")
	}
}
