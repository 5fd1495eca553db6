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
	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/metrics"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// ground is what engines stand on, one after another: state_dir, what was learned
// about issuers, and what was counted.
type ground struct {
	journal *journal.Journal
	prober  *validator.Prober
	metrics *metrics.Metrics
	close   func() error

	looks bool // for holders: a run that is over soon does not
	heir  bool // others have a part in the sinks
}

// started is an engine and the config that it works by.
type started struct {
	*engine.Engine
	*prepared
}

// prepared is a config that was found good, and all that an engine is made of.
type prepared struct {
	cfg     *config.Config
	log     *slog.Logger
	hasher  secret.Hasher
	plan    *plan
	lookers []holders.Looker
	noted   []noted
	keys    int // how many: cfg and plan let go of them once an engine has them
	sinks   int
}

// start takes state_dir and makes the engine that the config asks for. A second
// one on the same state_dir is refused with the pid of the first. The caller closes
// the ground. looks is whether it looks for holders.
func (a *app) start(looks bool) (_ *started, _ *ground, err error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, nil, asUsage(a.everyFault(cfg, err))
	}
	log := a.logger(cfg.Log)
	g, err := takeGround(cfg.StateDir, log)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	g.looks = looks
	p, err := g.prepare(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	s, err := g.start(p, nil)
	return s, g, err
}

func takeGround(stateDir string, log *slog.Logger) (*ground, error) {
	unlock, err := journal.Lock(stateDir)
	if err != nil {
		return nil, misplaced(err, "state_dir")
	}
	j, err := journal.Open(stateDir, log)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	b := thisBuild()
	g := &ground{
		journal: j, prober: validator.NewProber(), metrics: metrics.New(b.Version, b.Go),
		close: func() error { return errors.Join(j.Close(), unlock()) },
	}
	g.prober.Observe(g.metrics.Probed)
	return g, nil
}

// prepare says everything that is wrong with cfg. What is right changes nothing yet.
func (g *ground) prepare(cfg *config.Config, log *slog.Logger) (*prepared, error) {
	h, err := hasher(cfg)
	if err != nil {
		return nil, err
	}
	p, err := assemble(cfg, log, func(sink string) func(map[string]secret.Value) bool {
		return engine.Known(g.journal, h, sink)
	})
	if err != nil {
		return nil, asUsage(err)
	}
	ready := &prepared{cfg: cfg, log: log, hasher: h, plan: p, noted: p.noted(), keys: len(cfg.Keys), sinks: len(cfg.Sinks)}
	if g.looks {
		ready.lookers = lookers(cfg)
	}
	return ready, nil
}

// start makes an engine, which follows before if that is not nil.
func (g *ground) start(p *prepared, before *engine.Engine) (*started, error) {
	e, err := engine.New(engine.Options{
		Log: p.log, Keys: p.plan.keys, Sinks: p.plan.engineSinks(), Sources: p.plan.sources,
		Channels: p.plan.channels, Peers: p.plan.peers, LogChannel: logchannel.New(p.log),
		Prober: g.prober, Hasher: p.hasher, Journal: g.journal, StartupWait: p.cfg.StartupWait, Count: g.metrics, After: before,
		Machine: machine(), Logs: p.plan.logs(), Attribute: holders.Attribute,
		Lookers: p.lookers, Inventories: p.plan.admins, Heir: g.heir,
	})
	if err != nil {
		return nil, err
	}
	p.cfg.Forget()
	p.plan.forget()
	return &started{Engine: e, prepared: p}, nil
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
