package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/secret"
)

// build is what `livekey version` prints.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// RuntimeSecret says whether this build erases values from memory.
	RuntimeSecret bool `json:"runtimesecret"`
}

func thisBuild() build {
	b := build{
		Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		RuntimeSecret: secret.Erases,
	}
	info, found := debug.ReadBuildInfo()
	if !found {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (a *app) version() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Version, and whether this build erases values from memory", Args: expects(0, 0, "nothing")}
	output := outputFlag(cmd)
	cmd.RunE = act(func(context.Context, []string) error {
		b := thisBuild()
		if *output == "json" {
			return a.printJSON(b)
		}
		commit, erases := b.Commit, "off"
		if b.Modified {
			commit += " (modified)"
		}
		if b.RuntimeSecret {
			erases = "on"
		}
		return a.printFields(
			"livekey", b.Version, "commit", commit, "go", b.Go, "platform", b.Platform, "runtimesecret", erases)
	})
	return cmd
}
