package main

import (
	"os"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/systemd"
)

// serviceHint is for the daemon of a whole machine, which is made to see no process but
// its own.
const serviceHint = "more is seen by livekey-holders.service: systemctl enable --now livekey-holders.socket"

// lookers are who looks for holders: at processes the service, or the daemon itself where
// there is none, at files the daemon itself, at environment blocks through D-Bus.
func lookers(cfg *config.Config) []holders.Looker {
	local := holders.NewLocal(holders.Options{Files: cfg.Holders.Files})
	hint := ""
	if cfg.StateDir == config.Default(true).StateDir {
		hint = serviceHint
	}
	processes := holders.Remote{Socket: holders.ServiceSocket, Instead: local, Files: holders.Files{Globs: cfg.Holders.Files}, Hint: hint}
	return []holders.Looker{
		holders.Pods{Looker: processes, Logs: holders.PodLogs, Own: holders.OwnPod(os.Getenv)},
		systemd.NewEnvironment(),
	}
}
