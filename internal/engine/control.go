package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/suggest"
	"github.com/livekey/livekey/rotation"
)

// Refresh reads the sources now and asks the issuers again. No name means all.
func (e *Engine) Refresh(_ context.Context, names []key.Name) error {
	keys, err := e.named(names)
	if err != nil {
		return err
	}
	for _, k := range keys {
		k.post(rotation.Refreshed{At: now()})
		for _, s := range k.sinks {
			s.reloads.urge()
		}
	}
	return nil
}

// Approve delivers a held candidate once it is proved again. Dead and malformed
// ones stay where they are, whoever asks.
func (e *Engine) Approve(ctx context.Context, name key.Name, version key.Version, by admin.Approval) error {
	keys, err := e.named([]key.Name{name})
	if err != nil {
		return err
	}
	k := keys[0]
	k.mu.Lock()
	held := k.state.Candidate
	c, why := k.state.Approvable(version)
	k.mu.Unlock()
	switch {
	case c != nil:
	case held == nil:
		return fmt.Errorf("approve %s: %w: nothing is held", name, admin.ErrConflict)
	case version != "" && version != held.ID:
		return fmt.Errorf("approve %s: %w: held is version %s, not %s", name, admin.ErrConflict, held.ID, version)
	default:
		return fmt.Errorf("approve %s: %w: version %s is held as %s, which nobody can overrule", name, admin.ErrConflict, held.ID, held.Hold)
	}
	e.log.InfoContext(ctx, "candidate approved", "key", name, "version", c.ID, "fingerprint", c.Fingerprint, "by", by.By, "reason", by.Reason)
	if err := e.store.PutSync(kindApproval, string(name)+"/"+string(c.Fingerprint), approval{by, c.ID, why, now()}); err != nil {
		return fmt.Errorf("approve %s: keep who approved: %w", name, err)
	}
	k.post(rotation.Approved{At: now(), Version: c.ID})
	for _, s := range k.sinks {
		s.reloads.urge() // of a version that its consumers did not come back with
	}
	return nil
}

// Pause proves and alerts, and writes nothing. No name means every key.
func (e *Engine) Pause(name key.Name, until time.Time, reason string) error {
	keys, err := e.oneOrAll(name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		e.log.Info("key paused", "key", k.Name, "until", until.UTC(), "reason", reason)
		k.post(rotation.Paused{At: now(), Until: until.UTC(), Reason: reason})
	}
	return nil
}

// Resume ends a pause. No name means every key.
func (e *Engine) Resume(name key.Name) error {
	keys, err := e.oneOrAll(name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		e.log.Info("key resumed", "key", k.Name)
		k.post(rotation.Resumed{At: now()})
	}
	return nil
}

var errStarting = errors.New("livekey is still starting: try again in a moment")

func (e *Engine) oneOrAll(name key.Name) ([]*keyRun, error) {
	if name == "" {
		return e.named(nil)
	}
	return e.named([]key.Name{name})
}

func (e *Engine) named(names []key.Name) ([]*keyRun, error) {
	select {
	case <-e.running:
	default:
		return nil, errStarting
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(e.keys))
	}
	var keys []*keyRun
	for _, name := range names {
		k := e.keys[name]
		if k == nil {
			return nil, e.noSuch(name, "the config has no such key")
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// noSuch is the error about a name that no key has, with the one that was probably meant.
func (e *Engine) noSuch(name key.Name, why string) error {
	known := make([]string, 0, len(e.keys))
	for k := range e.keys {
		known = append(known, string(k))
	}
	slices.Sort(known)
	if meant := suggest.Nearest(string(name), known); meant != "" {
		why += fmt.Sprintf("; did you mean %q?", meant)
	}
	shown := secret.Scrub(errors.New(string(name))) // somebody may have pasted a key
	return fmt.Errorf("key %w: %w: %s", shown, key.ErrNotFound, why)
}
