package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	logchannel "github.com/livekey/livekey/alerts/log"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/supervise"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/sinks/child"
	"github.com/livekey/livekey/validator"
)

// childSink is the name of the sink that the program's environment is.
const childSink = "child"

// Times of waiting for keys.
const (
	lookEvery = 50 * time.Millisecond // at what this process knows itself
	sayEvery  = 30 * time.Second
)

// run starts the program, follows its keys for as long as it lives, and returns its exit
// code. ctx ends with a signal to livekey: that counts only before there is a program.
func (x *execution) run(ctx context.Context, argv []string) (int, error) {
	signals := forwarded()
	defer signal.Stop(signals)
	all, err := x.settings()
	if err != nil {
		return 0, x.everyFault(all, err)
	}
	cfg, err := x.choose(all)
	if err != nil {
		return 0, err
	}
	log := x.logger(all.Log)
	p, err := assemble(cfg, log, knowsNothing)
	if err != nil {
		return 0, err
	}
	variables := variablesOf(cfg)
	var e *engine.Engine
	s := supervise.New(supervise.Options{
		Argv: argv, Environ: x.environ(all, p), OnChange: x.change, StopTimeout: x.stopTimeout, Settle: x.settle,
		MaxRestarts: x.maxRestarts, Signals: signals, Log: log,
		Failed: func(suspects map[key.Name]key.Fingerprint, exit int) { //nolint:contextcheck // an alert is told also while livekey stops
			e.ChildFailed(childSink, suspects, exit)
		},
		Healthy: func() { e.ChildHealthy(childSink) }, //nolint:contextcheck // as above
	})
	if e, err = x.engine(p, log, s.Deliver); err != nil {
		return 0, err
	}
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var g errgroup.Group
	g.Go(func() error { return e.Run(work) })
	g.Go(func() error { stayLean(work, e.Started()); return nil })
	g.Go(func() error { supervise.AdoptOrphans(work); return nil })
	ended := 0
	if err = x.await(ctx, e, cfg.StartupWait, signals); err == nil {
		warnOfStale(log, variables, s.Delivered())
		ended, err = s.Run(work)
	}
	e.Told(work, alertDrain)
	end()
	return ended, errors.Join(err, g.Wait())
}

// forwarded is where the signals for the program arrive. One that livekey was started to
// ignore, as by nohup, the program ignores too.
func forwarded() chan os.Signal {
	c := make(chan os.Signal, 16)
	for _, sig := range supervise.Forwarded() {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return c
}

// logger writes on the stderr that livekey shares with the program: in lines that say
// whose they are, short on a terminal, unless the config asks for a form for machines.
func (x *execution) logger(c config.Log) *slog.Logger {
	shared := *x.app
	c.Level = config.LogLevel(x.level)
	if c.Format != "auto" && c.Format != "text" {
		return shared.logger(c)
	}
	shared.err.Out, c.Format = prefixed{x.err.Out}, "text"
	if ui.IsTerminal(x.err.Out) {
		return slog.New(newConsole(shared.err, levelOf(c)))
	}
	return shared.logger(c)
}

// engine is what follows the keys: the daemon's own, with one sink and a memory that ends with it.
func (x *execution) engine(p *plan, log *slog.Logger, deliver func(supervise.Keys)) (*engine.Engine, error) {
	h, err := fleetHasher(p.cfg.SaltFile)
	if err != nil {
		return nil, err
	}
	var names []key.Name
	for _, k := range p.keys {
		names = append(names, k.Name)
	}
	return engine.New(engine.Options{
		Log: log, Keys: p.keys, Sources: p.sources, Channels: p.channels, LogChannel: logchannel.New(log),
		Sinks:  []engine.Sink{{Name: childSink, Path: "the environment of the program", Sink: child.New(childSink, deliver), Keys: names}},
		Prober: validator.NewProber(), Hasher: h, Journal: journal.InMemory(log), StartupWait: p.cfg.StartupWait, Machine: machine(),
	})
}

// fleetHasher makes fingerprints under the fleet's salt, where there is one, so that they
// are those of the others; else under one that nobody will know.
func fleetHasher(saltFile string) (secret.Hasher, error) {
	if saltFile != "" {
		salt, err := readSalt(saltFile)
		if err != nil {
			return secret.Hasher{}, fmt.Errorf("read salt_file: %w", err)
		}
		return secret.NewHasher(salt), nil
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt)
	return secret.NewHasher(secret.New(salt)), nil
}

// await returns nil when every required key is delivered, and an error when one cannot
// be: it is dead or missing, and only a person can mend that. What nobody can judge now
// is waited for. So are optional keys, but for startup alone: a program that is started
// without one would be restarted for it.
func (x *execution) await(ctx context.Context, e *engine.Engine, startup time.Duration, signals <-chan os.Signal) error {
	startupEnds := time.Now().Add(startup)
	var late <-chan time.Time
	if x.timeout > 0 {
		late = time.After(x.timeout)
	}
	look, say := time.NewTicker(lookEvery), time.NewTicker(sayEvery)
	defer look.Stop()
	defer say.Stop()
	started, said := e.Started(), false
	for {
		missing, _ := e.Ready(nil) // fails only for a sink that is named
		if started == nil {
			if len(missing) == 0 && (!e.Undecided() || time.Now().After(startupEnds)) {
				return nil
			}
			if why := hopeless(e.Status()); why != "" {
				return errors.New(why)
			}
			if !said && len(missing) > 0 {
				x.noteAll("livekey: waiting for", missing)
				said = true
			}
		}
		select {
		case <-started:
			started = nil
		case <-look.C:
		case <-say.C:
			said = false
		case <-late:
			return fmt.Errorf("not started within %s: %s", x.timeout, cmp.Or(strings.Join(missing, "; "), "an optional key is still being read or proved"))
		case sig := <-signals:
			if supervise.Ends(sig) {
				return errInterrupted
			}
		case <-ctx.Done():
			return errInterrupted
		}
	}
}

// hopeless says why the program cannot be started, empty while it can.
func hopeless(s report.Status) string {
	for _, k := range s.Keys {
		switch {
		case k.Optional:
		case k.Current != nil && k.Current.Outcome == key.Dead:
			return fmt.Sprintf("%s is dead: reason=%s", k.Name, k.Current.Reason)
		case k.Current == nil && judgeKey(k) == notLive:
			return why(k)
		}
	}
	return ""
}
