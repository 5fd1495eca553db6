package reload

import (
	"net/http"
	"path/filepath"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/systemd"
)

// Env is what steps are made with.
type Env struct {
	HTTP *httpclient.Factory
	// Rereads says that the sink is one that programs can read again while they run: a unit
	// is then reloaded unless the config says otherwise. The environment of a process is not.
	Rereads bool
}

// FromConfig makes the steps that the config describes. It does no I/O.
func FromConfig(env Env, described []config.Step) ([]Step, error) {
	var client *http.Client // one for all of them, if any calls anybody
	var steps []Step
	var faults []error
	for _, s := range described {
		if client == nil && (s.Health != "" || s.Kind == config.StepHTTP) {
			var err error
			if client, err = env.HTTP.Client(httpclient.Options{}); err != nil {
				return nil, err
			}
		}
		health := Health{URL: s.Health, Timeout: s.HealthTimeout, HTTP: client}
		switch s.Kind {
		case config.StepSystemd:
			steps = append(steps, Unit{
				Unit: s.Unit, Verb: Verb(s.Action, env.Rereads), Dial: Dial, Timeout: s.Timeout, Settle: s.Settle, Health: health,
			})
		case config.StepSignal:
			steps = append(steps, Signal{
				Signal: string(s.Signal), PIDFile: s.PIDFile, Unit: s.Unit, Process: s.Process, User: s.User,
				Dial: Dial, Settle: s.Settle, Timeout: s.Timeout, Health: health,
			})
		case config.StepExec:
			p := Program{Command: command.Command{Argv: s.Argv, Timeout: s.Timeout}, Health: health}
			said := len(s.Argv) == 0 || !filepath.IsAbs(s.Argv[0]) // by the config itself
			if err := p.Command.Lint(); err != nil && !said {
				faults = append(faults, s.Node.Fault("exec", "%v", err))
			}
			steps = append(steps, p)
		case config.StepHTTP:
			steps = append(steps, Hook{
				URL: s.URL, Method: s.Method, TokenFile: s.TokenFile, Timeout: s.Timeout, HTTP: client, Health: health,
			})
		}
	}
	return steps, config.Join(faults...)
}

// Verb is what systemd is asked to do with a unit.
func Verb(a config.UnitAction, rereads bool) systemd.Verb {
	switch {
	case a == config.UnitReloadOrRestart:
		return systemd.ReloadOrTryRestart
	case a == config.UnitReload, a == "" && rereads:
		return systemd.Reload
	default:
		return systemd.TryRestart
	}
}
