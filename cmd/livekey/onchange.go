package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/reload"
	"github.com/livekey/livekey/internal/sandbox"
	"github.com/livekey/livekey/internal/systemd"
)

// rereads are the kinds of sinks that a program can read again while it runs. What was in
// an env file is in its environment, which nobody reads again.
var rereads = map[string]bool{"directory": true}

// addOnChange makes of what a sink says of its consumers those who tell them.
func (p *plan) addOnChange(s config.Sink, factory *httpclient.Factory) error {
	steps, err := reload.FromConfig(reload.Env{HTTP: factory, Rereads: rereads[s.Kind]}, s.OnChange.Steps)
	if err != nil {
		return err
	}
	c := s.OnChange
	p.onChange[s.Name] = engine.OnChange{
		Steps: steps, WaitMin: c.WaitMin, WaitMax: c.WaitMax, Splay: c.Splay, Revert: c.OnFailure == config.Revert,
	}
	return nil
}

// eachStep goes through those who are told, by the name of their sink.
func (p *plan) eachStep(found func(config.Sink, config.Step)) {
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Sinks)) {
		for _, step := range p.cfg.Sinks[name].OnChange.Steps {
			found(p.cfg.Sinks[name], step)
		}
	}
}

// managed are the units that systemd is asked to restart or reload.
func (p *plan) managed() (all []sandbox.Managed) {
	p.eachStep(func(sink config.Sink, s config.Step) {
		if s.Kind == config.StepSystemd {
			verb := reload.Verb(s.Action, rereads[sink.Kind])
			one := sandbox.Managed{Unit: s.Unit, Verb: string(verb), Where: s.Node.Where("systemd")}
			all = append(all, one)
			if sink.OnChange.OnFailure == config.Revert { // who failed has to be brought back
				one.Verb = string(systemd.Start)
				all = append(all, one)
			}
		}
	})
	return all
}

// signaled is what it takes to signal the processes that the config names.
func (p *plan) signaled() (all []sandbox.Need) {
	p.eachStep(func(_ config.Sink, s config.Step) {
		if s.Kind == config.StepSignal {
			user := s.User
			if s.Process != "" {
				user = cmp.Or(user, sandbox.User) // by name alone, its own
			}
			all = append(all, sandbox.Signals(user, s.Node.Where("signal"))...)
		}
	})
	return all
}

// told are the consumers of a sink for a person, in order.
func (p *plan) told(sink config.Sink) (all []string) {
	for i, step := range p.onChange[sink.Name].Steps {
		name := step.Name()
		switch s := sink.OnChange.Steps[i]; s.Kind {
		case config.StepSystemd:
			name = fmt.Sprintf("%s %s", reload.Verb(s.Action, rereads[sink.Kind]), s.Unit)
		case config.StepSignal:
			name = fmt.Sprintf("SIG%s to %s", s.Signal, name)
		case config.StepExec, config.StepHTTP: // it says all
		}
		all = append(all, name)
	}
	return all
}
