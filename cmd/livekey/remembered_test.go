package main

import (
	"testing"

	"github.com/livekey/livekey/internal/config"
)

func TestWhatIsNoProviderIsNotShownAsOne(t *testing.T) {
	cfg := &config.Config{Providers: map[string]config.Provider{"mine": {}}}
	for id, want := range map[string]string{
		"openai": "openai", "mine": "mine", "none": "none", "": "", "4f9a7c1e4f9a7c1e": "***", "sk-ant-x": "***",
	} {
		if got := providerShown(cfg, id); got != want {
			t.Errorf("%q is shown as %q, want %q", id, got, want)
		}
	}
}
