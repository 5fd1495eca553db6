package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
)

func TestSaltIsMadeOnceAndKept(t *testing.T) {
	cfg := &config.Config{StateDir: t.TempDir()}
	first, err := hasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.StateDir, saltName)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != saltSize {
		t.Fatalf("the salt is %v, %v", info, err)
	}
	again, err := hasher(cfg)
	if err != nil || again.Epoch() != first.Epoch() {
		t.Errorf("a second start has epoch %s after %s, %v", again.Epoch(), first.Epoch(), err)
	}
	elsewhere, err := hasher(&config.Config{StateDir: t.TempDir()})
	if err != nil || elsewhere.Epoch() == first.Epoch() {
		t.Errorf("two installations have one epoch, %v", err)
	}
	fleet, err := hasher(&config.Config{StateDir: t.TempDir(), SaltFile: path})
	if err != nil || fleet.Epoch() != first.Epoch() {
		t.Errorf("with salt_file the epoch is %s, want %s, %v", fleet.Epoch(), first.Epoch(), err)
	}
}

func TestSaltsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		rule string
		salt string
		mode os.FileMode
		why  string
	}{
		{"readable by everybody", strings.Repeat("s", saltSize), 0o644, "chmod o-rwx"},
		{"too short to be random", "CANARY", 0o600, "6 bytes"},
		{"too long to be a salt", strings.Repeat("s", saltMax+1), 0o600, "bytes, between"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "salt")
			if err := os.WriteFile(path, []byte(tt.salt), tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := hasher(&config.Config{SaltFile: path})
			if err == nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), tt.salt) {
				t.Errorf("got %v, want a word about %q and none of the salt", err, tt.why)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, []byte(tt.salt)) {
				t.Error("the salt was changed")
			}
		})
	}
	if _, err := hasher(&config.Config{SaltFile: filepath.Join(t.TempDir(), "none"), StateDir: t.TempDir()}); err == nil {
		t.Error("a salt_file that is not there was replaced by a salt of our own")
	}
}
