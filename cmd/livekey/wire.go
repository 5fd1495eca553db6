package main

import (
	"maps"
	"slices"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/webhook"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/directory"
	"github.com/livekey/livekey/sinks/envfile"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/env"
	"github.com/livekey/livekey/sources/file"
	"github.com/livekey/livekey/sources/vault"
)

// The kinds that this binary has. These tables are the only place that knows a
// concrete backend.
var (
	sourceKinds = map[string]func(sources.Env, config.Node) (sources.Source, error){
		"env":   env.FromConfig,
		"file":  file.FromConfig,
		"vault": vault.FromConfig,
	}
	sinkKinds = map[string]func(sinks.Env, config.Node) (sinks.Sink, error){
		"directory": directory.FromConfig,
		"env_file":  envfile.FromConfig,
	}
	channelKinds = map[string]func(alerts.Env, config.Node) (alerts.Channel, error){
		"webhook": webhook.FromConfig,
	}
)

func kinds() config.Kinds {
	return config.Kinds{Sources: sorted(sourceKinds), Sinks: sorted(sinkKinds), Channels: sorted(channelKinds)}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
