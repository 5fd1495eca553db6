package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/lease"
	"github.com/livekey/livekey/internal/report"
)

// leaseKind is the journal's record of this livekey's part in the lease.
const leaseKind journal.Kind = "lease"

// leaseRecord is kept over restarts. Whoever has the lock of state_dir is its only user.
type leaseRecord struct {
	Identity string `json:"identity"`       // under which it holds the lease
	Term     string `json:"term,omitempty"` // in which what else the journal says was witnessed
}

// kubeConfig is where a lease is.
func kubeConfig(l config.Lease) kube.Config {
	return kube.Config{
		Kubeconfig: l.Kubeconfig, Context: l.Context, Namespace: l.Namespace, API: l.API, TokenFile: l.TokenFile, CAFile: l.CAFile,
	}
}

// checkLease says what is wrong with the lease of a config, without I/O.
func checkLease(cfg *config.Config) error {
	if cfg.Lease.Name == "" {
		return nil
	}
	faults := []error{kubeConfig(cfg.Lease).Check(cfg.LeaseNode)}
	if err := kube.CheckName(cfg.Lease.Name); err != nil {
		faults = append(faults, cfg.LeaseNode.Fault("name", "%v", err))
	}
	return config.Join(faults...)
}

// newElector makes who looks after the lease; nil where the config has none. overdue is
// called when work has not ended in time.
func newElector(l config.Lease, j *journal.Journal, log *slog.Logger, overdue func()) (*lease.Elector, error) {
	if l.Name == "" {
		return nil, nil
	}
	client := kube.New(kubeConfig(l), &httpclient.Factory{Agent: "livekey/" + thisBuild().Version})
	namespace, err := client.Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace of the lease: %w", err)
	}
	var r leaseRecord
	if known, err := j.Get(leaseKind, "", &r); err != nil || !known {
		host, errHost := os.Hostname()
		if err = errors.Join(err, errHost); err != nil {
			return nil, err
		}
		// Two may have one name. This one is of state_dir, which one process alone has.
		b := make([]byte, 4)
		_, _ = rand.Read(b) // never fails, as its documentation says
		r.Identity = cmp.Or(os.Getenv("POD_NAME"), host) + "_" + hex.EncodeToString(b)
		if err := j.PutSync(leaseKind, "", r); err != nil {
			return nil, err
		}
	}
	return lease.New(&lease.Kubernetes{Client: client, Namespace: namespace, Name: l.Name}, r.Identity, log, overdue), nil
}

// take begins a term: an engine on the config as it is now, and on what this livekey
// remembers, unless another has worked since. Then what the sinks have is all that is known,
// and it is read and asked about before anything is written.
func (s *service) take(ctx context.Context, t lease.Term, before *engine.Engine) (life, error) {
	p, err := s.reload(ctx)
	if err != nil {
		return life{}, fmt.Errorf("read the config to begin work: %w", err)
	}
	s.swap.Lock()
	defer s.swap.Unlock()
	j := s.ground.journal
	var r leaseRecord
	if _, err := j.Get(leaseKind, "", &r); err != nil {
		return life{}, err
	}
	if r.Term != t.Before {
		if before = nil; r.Term != "" {
			p.log.InfoContext(ctx, "another has worked since: begin with what the sinks have", "term", t.Now, "remembered", r.Term)
		}
		if err := j.Clear(); err != nil {
			return life{}, err
		}
	}
	if err := j.PutSync(leaseKind, "", leaseRecord{Identity: s.elector.Identity, Term: t.Now}); err != nil {
		return life{}, err
	}
	next, err := s.ground.start(p, before)
	if err != nil {
		return life{}, fmt.Errorf("begin work: %w", err)
	}
	l := live(ctx, next)
	select {
	case <-next.Opened():
	case <-ctx.Done():
	}
	s.now.Store(next)
	s.standby.Store(false)
	return l, nil
}

// terms follows every key in each term of the lease.
func (s *service) terms(ctx context.Context, reload <-chan os.Signal) error {
	var before *engine.Engine // the one of the last term
	return s.elector.Run(ctx, func(ctx context.Context, t lease.Term) error {
		defer s.standby.Store(true) // nobody asks the engine of a term that is over
		l, err := s.take(ctx, t, before)
		if err != nil {
			return err
		}
		defer func() { before = s.now.Load().Engine }()
		return s.follow(ctx, l, reload)
	})
}

// await is ready as soon as it is seen that another works: to wait is all there is to do.
func (s *service) await(ctx context.Context) {
	select {
	case <-s.elector.Heard():
	case <-ctx.Done():
		return
	}
	if s.elector.State().Holder != s.elector.Identity {
		s.begun.Do(func() { close(s.ready) })
	}
}

// atWork is the engine, or says who works instead. Only who waits for another is on standby:
// one that is about to work is not ready before it does.
func (s *service) atWork() (*started, error) {
	if !s.standby.Load() {
		return s.now.Load(), nil
	}
	why := admin.ErrStandby
	holder := s.elector.State().Holder
	if holder == "" || holder == s.elector.Identity {
		why = admin.ErrConflict
	}
	return nil, fmt.Errorf("%w: %s has the lease %s", why, cmp.Or(holder, "nobody"), s.elector.Lock)
}

// leased is what the status says of the lease; nil where there is none.
func (s *service) leased() *report.Lease {
	if s.elector == nil {
		return nil
	}
	now := s.elector.State()
	l := &report.Lease{Name: s.elector.Lock.String(), Holder: now.Holder, Working: !s.standby.Load()}
	if now.Err != nil {
		l.Error = now.Err.Error()
	}
	return l
}
