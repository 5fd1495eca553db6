package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"

	logchannel "github.com/livekey/livekey/alerts/log"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// started is an engine and what it holds on to.
type started struct {
	*engine.Engine
	cfg   *config.Config
	log   *slog.Logger
	close func() error
}

// start takes state_dir and makes the engine that the config asks for. A second
// one on the same state_dir is refused with the pid of the first.
func (a *app) start() (_ *started, err error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, asUsage(err)
	}
	log := a.logger(cfg.Log)
	unlock, err := journal.Lock(cfg.StateDir)
	if err != nil {
		return nil, misplaced(err, "state_dir")
	}
	held := []func() error{unlock}
	release := func() error {
		var errs []error
		for i := range held {
			errs = append(errs, held[len(held)-1-i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, release())
		}
	}()
	hasher, err := hasher(cfg)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(cfg.StateDir, log)
	if err != nil {
		return nil, err
	}
	held = append(held, j.Close)
	p, err := assemble(cfg, log, func(sink string) func(map[string]secret.Value) bool {
		return engine.Known(j, hasher, sink)
	})
	if err != nil {
		return nil, asUsage(err)
	}
	e, err := engine.New(engine.Options{
		Log: log, Keys: p.keys, Sinks: p.engineSinks(), Sources: p.sources,
		Channels: p.channels, LogChannel: logchannel.New(log),
		Prober: validator.NewProber(), Hasher: hasher, Journal: j, StartupWait: cfg.StartupWait,
	})
	if err != nil {
		return nil, err
	}
	return &started{Engine: e, cfg: cfg, log: log, close: release}, nil
}

// misplaced makes a place that we may not use a fault of the config, and says what
// to do about it: for the most part, which field names another.
func misplaced(err error, field string) error {
	if _, held := errors.AsType[*journal.LockedError](err); held {
		return fmt.Errorf("%w: stop it, or choose another %s", err, field)
	}
	if taken, found := errors.AsType[*net.OpError](err); found && taken.Net == "tcp" {
		return &exitError{usage, fmt.Errorf("metrics: %w: choose another address, or stop what listens there", taken)}
	}
	if _, found := errors.AsType[*fs.PathError](err); !found {
		return err
	}
	return &exitError{usage, fmt.Errorf("%w: let uid %d, as which livekey runs, write there, or set another %s", err, os.Getuid(), field)}
}
