package main

import (
	"github.com/livekey/livekey/alerts/alertmanager"
	execchannel "github.com/livekey/livekey/alerts/exec"
	"github.com/livekey/livekey/alerts/kubernetesevents"
	"github.com/livekey/livekey/alerts/pagerduty"
	"github.com/livekey/livekey/alerts/slack"
	"github.com/livekey/livekey/alerts/webhook"
	"github.com/livekey/livekey/sinks/directory"
	"github.com/livekey/livekey/sinks/envfile"
	"github.com/livekey/livekey/sinks/kubernetessecret"
	"github.com/livekey/livekey/sources/awssm"
	"github.com/livekey/livekey/sources/env"
	"github.com/livekey/livekey/sources/exec"
	"github.com/livekey/livekey/sources/file"
	"github.com/livekey/livekey/sources/kubernetes"
	"github.com/livekey/livekey/sources/vault"
)

// What an entry of each kind may say beside what every entry of its section may.
// The names are those of the tables in cmd/livekey; a test there holds them equal.
var (
	sourceKinds = map[string]any{
		"awssm":      awssm.Settings(),
		"env":        env.Settings(),
		"exec":       exec.Settings(),
		"file":       file.Settings(),
		"kubernetes": kubernetes.Settings(),
		"vault":      vault.Settings(),
	}
	sinkKinds = map[string]any{
		"directory":         directory.Settings(),
		"env_file":          envfile.Settings(),
		"kubernetes_secret": kubernetessecret.Settings(),
	}
	channelKinds = map[string]any{
		"alertmanager":      alertmanager.Settings(),
		"exec":              execchannel.Settings(),
		"kubernetes_events": kubernetesevents.Settings(),
		"pagerduty":         pagerduty.Settings(),
		"slack":             slack.Settings(),
		"webhook":           webhook.Settings(),
	}
)
