package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Paths of an installation for the whole machine.
const (
	systemDir      = "/etc/livekey"
	systemFile     = systemDir + "/livekey.yaml"
	systemStateDir = "/var/lib/livekey"
	systemRunDir   = "/run/livekey"
)

// Default is the configuration of an empty file. system chooses the folders of
// an installation for the whole machine rather than the user's own.
func Default(system bool) *Config {
	c := &Config{
		Policy: Policy{
			Probe:         10 * time.Minute,
			ConfirmTimes:  3,
			ConfirmOver:   90 * time.Second,
			OnUnknown:     Hold,
			Grace:         24 * time.Hour,
			Budget:        500,
			AllowRollback: RollbackConfirmed,
			WatchPrevious: true,
			Expiry:        []time.Duration{14 * day, 3 * day, 12 * time.Hour},
		},
		StartupWait: 30 * time.Second,
		StateDir:    systemStateDir,
		Socket:      filepath.Join(systemRunDir, "livekey.sock"),
		Log:         Log{Level: "info", Format: "auto"},
	}
	if !system {
		c.StateDir = userDir("XDG_STATE_HOME", ".local/state")
		c.Socket = c.StateDir // a private folder too, if the session has no folder of its own
		if run := userDir("XDG_RUNTIME_DIR", ""); run != "" {
			c.Socket = run
		}
		c.Socket = filepath.Join(c.Socket, "livekey.sock")
	}
	return c
}

// forSystem says whether a config is the machine's: livekey's users, who are not
// root, then meet the daemon at the same socket.
func forSystem(file string) bool {
	return os.Geteuid() == 0 || strings.HasPrefix(file, systemDir+"/")
}

// userFile is the user's own config; "" if there is no place for one.
func userFile() string {
	dir := userDir("XDG_CONFIG_HOME", ".config")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "livekey.yaml")
}

// userDir is livekey's folder in one of the XDG base directories; "" if there is
// none. As the specification says, a relative path counts as unset.
func userDir(variable, fallback string) string {
	base := os.Getenv(variable)
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil || fallback == "" {
			return ""
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(base, "livekey")
}
