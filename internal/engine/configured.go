package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// configured is the subject of the alert about a config that was not taken.
const configured = itself + "/config"

// ConfigRefused tells that the config was read again, that something is wrong with it,
// and that livekey goes on by the one before. The next engine ends the alert.
func (e *Engine) ConfigRefused(err error) {
	e.alerts.open(configured, "", "", nil, rotation.Open{
		Cause: key.SelfDegraded, Severity: key.Warning,
		Summary:  "livekey: the config was not reloaded; the one before it holds",
		Evidence: map[string]string{"detail": err.Error()},
		Actions:  []string{"run `livekey config check`, mend what it says, and reload again"},
	})
}

func (e *Engine) configTaken() {
	e.alerts.resolve(configured, key.SelfDegraded, "the config was taken")
}
