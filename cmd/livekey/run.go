package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) run() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "The daemon: fetch, prove, deliver, follow every rotation",
		Args:  expects(0, 0, "nothing"),
		RunE: act(func(ctx context.Context, _ []string) (err error) {
			first, g, err := a.start(true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, g.close()) }()
			s, err := a.newService(ctx, first, g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			cfg := first.cfg
			first.log.InfoContext(ctx, "livekey started", "version", thisBuild().Version, "keys", first.keys, "sinks", first.sinks,
				"socket", cfg.Socket, "state_dir", cfg.StateDir)
			if first.keys == 0 {
				first.log.WarnContext(ctx, "no keys are configured; "+firstStep)
			}
			err = s.run(ctx, signaled(ctx, syscall.SIGHUP), signaled(ctx, syscall.SIGUSR1))
			s.now.Load().log.InfoContext(ctx, "livekey stopped; what is delivered stays")
			return err
		}),
	}
}

// firstStep is what whoever installed livekey does next.
const firstStep = "`livekey config init` writes a first config"

// signaled is where sig arrives until ctx ends. Those that come before anybody looks
// are one.
func signaled(ctx context.Context, sig os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, sig)
	context.AfterFunc(ctx, func() { signal.Stop(c) })
	return c
}
