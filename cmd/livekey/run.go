package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/report"
)

func (a *app) run() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "The daemon: fetch, prove, deliver, follow every rotation",
		Args:  expects(0, 0, "nothing"),
		RunE: act(func(ctx context.Context, _ []string) (err error) {
			s, err := a.start()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			desk, err := admin.Listen(ctx, admin.Options{Socket: s.cfg.Socket, Health: s.cfg.Metrics, Daemon: s, Alive: s.Alive, Log: s.log})
			if err != nil {
				return misplaced(err, "socket")
			}
			s.log.InfoContext(ctx, "livekey started", "version", thisBuild().Version, "keys", len(s.cfg.Keys), "sinks", len(s.cfg.Sinks),
				"socket", s.cfg.Socket, "state_dir", s.cfg.StateDir)
			g, gctx := errgroup.WithContext(ctx)
			g.Go(func() error { return desk.Serve(gctx) })
			g.Go(func() error { return s.Run(gctx) })
			g.Go(func() error { s.tellSystemd(gctx); return nil })
			err = g.Wait()
			s.log.InfoContext(ctx, "livekey stopped; what is delivered stays")
			return err
		}),
	}
}

// tellSystemd says READY=1 once first verdicts are there, and STOPPING=1 at the
// end. Without a systemd that listens it says nothing.
func (s *started) tellSystemd(ctx context.Context) {
	notify := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			s.log.WarnContext(ctx, "systemd not told", "state", state, "err", err)
		}
	}
	select {
	case <-s.Started():
		notify(daemon.SdNotifyReady + "\nSTATUS=" + inWords(s.Status()))
		<-ctx.Done()
	case <-ctx.Done():
	}
	notify(daemon.SdNotifyStopping + "\nSTATUS=stopping; what is delivered stays")
}

// inWords is a status in one line.
func inWords(s report.Status) string {
	delivered := 0
	for _, k := range s.Keys {
		if k.Current != nil {
			delivered++
		}
	}
	return fmt.Sprintf("%d of %s delivered, %s open", delivered, counted(len(s.Keys), "key"), counted(len(s.Alerts), "alert"))
}
