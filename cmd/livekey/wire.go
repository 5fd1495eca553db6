package main

import (
	"maps"
	"slices"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alertmanager"
	execchannel "github.com/livekey/livekey/alerts/exec"
	"github.com/livekey/livekey/alerts/kubernetesevents"
	"github.com/livekey/livekey/alerts/pagerduty"
	"github.com/livekey/livekey/alerts/slack"
	"github.com/livekey/livekey/alerts/webhook"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/directory"
	"github.com/livekey/livekey/sinks/envfile"
	"github.com/livekey/livekey/sinks/kubernetessecret"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/awssm"
	"github.com/livekey/livekey/sources/env"
	"github.com/livekey/livekey/sources/exec"
	"github.com/livekey/livekey/sources/file"
	"github.com/livekey/livekey/sources/kubernetes"
	"github.com/livekey/livekey/sources/vault"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/federation"
	"github.com/livekey/livekey/validator/google"
	"github.com/livekey/livekey/validator/mongodb"
	"github.com/livekey/livekey/validator/mysql"
	"github.com/livekey/livekey/validator/offline"
	"github.com/livekey/livekey/validator/postgres"
	"github.com/livekey/livekey/validator/redis"
	"github.com/livekey/livekey/validator/sigv4"
	"github.com/livekey/livekey/validator/vaulttoken"
)

// The kinds that this binary has. These tables are the only place that knows a
// concrete backend.
var (
	sourceKinds = map[string]func(sources.Env, config.Node) (sources.Source, error){
		"awssm":      awssm.FromConfig,
		"env":        env.FromConfig,
		"exec":       exec.FromConfig,
		"file":       file.FromConfig,
		"kubernetes": kubernetes.FromConfig,
		"vault":      vault.FromConfig,
	}
	// settingsByHand are those of a source that a command line names and no config describes:
	// who types the command is logged in already.
	settingsByHand = map[string]string{"vault": "environment: true"}

	sinkKinds = map[string]func(sinks.Env, config.Node) (sinks.Sink, error){
		"directory":         directory.FromConfig,
		"env_file":          envfile.FromConfig,
		"kubernetes_secret": kubernetessecret.FromConfig,
	}
	// signers are code that a provider's file names, where a request is signed.
	signers = map[string]validator.Signer{
		"federation":  federation.Sign,
		"google":      google.Sign,
		"sigv4":       sigv4.Sign,
		"vault_token": vaulttoken.Sign,
	}
	// decoders are code that reads a value offline, and speakers code that asks in another
	// protocol than HTTP, for the provider's files that name them.
	decoders = map[string]validator.Decoder{
		"bedrock":     offline.Bedrock,
		"embedded":    offline.Embedded,
		"google":      google.Decode,
		"jwt":         offline.JWT,
		"vault_token": vaulttoken.Decode,
		"x509":        offline.KeyPair,
	}
	speakers = map[string]validator.Speaker{
		"mongodb":  mongodb.New(),
		"mysql":    mysql.New(),
		"postgres": postgres.New(),
		"redis":    redis.New(),
	}

	channelKinds = map[string]func(alerts.Env, config.Node) (alerts.Channel, error){
		"alertmanager":      alertmanager.FromConfig,
		"exec":              execchannel.FromConfig,
		"kubernetes_events": kubernetesevents.FromConfig,
		"pagerduty":         pagerduty.FromConfig,
		"slack":             slack.FromConfig,
		"webhook":           webhook.FromConfig,
	}
)

// withCode completes what a checker is made of by the code that files may name.
func withCode(s catalog.Settings) catalog.Settings {
	s.Signers, s.Decoders, s.Speakers = signers, decoders, speakers
	return s
}

func kinds() config.Kinds {
	return config.Kinds{Sources: sorted(sourceKinds), Sinks: sorted(sinkKinds), Channels: sorted(channelKinds)}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
