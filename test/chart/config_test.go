package chart

import (
	"testing"

	"github.com/livekey/livekey/internal/config"
)

// What a pod is started with is a config: a pod that refuses its own is found here, not in a cluster.
func TestLivekeyTakesTheConfigOfEveryMode(t *testing.T) {
	t.Parallel()
	kinds := config.Kinds{
		Sources:  []string{"file", "kubernetes", "vault"},
		Sinks:    []string{"directory", "env_file", "kubernetes_secret"},
		Channels: []string{"kubernetes_events"},
	}
	for _, mode := range modes {
		text := text(only(t, render(t, "--values", ci(mode), "--set", "serviceAccount.name=app"), "ConfigMap").at("data", "livekey.yaml"))
		if _, err := config.Read("/etc/livekey/livekey.yaml", []byte(text), kinds); err != nil {
			t.Errorf("%s: %v\nin\n%s", mode, err, text)
		}
	}
}
