package engine

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/rotation"
)

// An Inventory reads the list that an issuer keeps of an organization's keys. No key is
// sent for it. Safe for concurrent use.
type Inventory interface {
	// Inventory reads the list once and returns what finds a value in it by what the list
	// shows of each key; nil: it has no such key. Its error names no value.
	Inventory(ctx context.Context) (Lists, error)
}

const (
	inventoryEvery = time.Hour
	inventoryRest  = 5 * time.Minute // between two reads, however much is not found
	inventoryLimit = time.Minute     // of one read
	inventoryTell  = 2               // reads in a row that failed, and somebody is told
)

// inventoryRun reads one list again and again, and tells the keys of its provider what it
// says of them. No probe waits for it, and while it cannot be read, what it said last holds.
type inventoryRun struct {
	e        *Engine
	provider string
	from     Inventory
	lists    atomic.Pointer[Lists] // nil: not read yet
	wanted   chan struct{}         // a key that lives is not in the list
}

func newInventoryRun(e *Engine, provider string, from Inventory) *inventoryRun {
	return &inventoryRun{e: e, provider: provider, from: from, wanted: make(chan struct{}, 1)}
}

func (i *inventoryRun) subject() string { return "inventory/" + i.provider }

// inventoryOf is the list that may have keys of this provider: of one that is not known
// before the key is read, the only one that there is.
func (e *Engine) inventoryOf(provider string) *inventoryRun {
	if provider == "" && len(e.inventories) == 1 {
		for _, i := range e.inventories {
			return i
		}
	}
	return e.inventories[provider]
}

// needed says whether any key may be in the list.
func (i *inventoryRun) needed() bool {
	for _, k := range i.e.keys {
		if k.inventory == i {
			return true
		}
	}
	return false
}

// follow reads the list until ctx ends.
func (i *inventoryRun) follow(ctx context.Context) {
	failed := 0
	for ctx.Err() == nil {
		wait := inventoryEvery
		if err := i.read(ctx); err == nil {
			failed = 0
			i.e.alerts.resolve(i.subject(), key.SelfDegraded, "the list was read")
		} else if ctx.Err() == nil {
			wait = schedule.Backoff(failed, inventoryRest, inventoryEvery, schedule.Phase(i.e.machine, i.provider))
			failed++
			i.refused(ctx, failed, err)
		}
		i.rest(ctx, wait, failed > 0)
	}
}

// rest waits, less long where a key is not in the list, but not at once.
func (i *inventoryRun) rest(ctx context.Context, wait time.Duration, failed bool) {
	begun := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wanted := i.wanted
	if failed {
		wanted = nil
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-wanted:
			wanted = nil
			timer.Reset(max(0, min(wait, inventoryRest)-time.Since(begun)))
		}
	}
}

func (i *inventoryRun) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, inventoryLimit)
	defer cancel()
	lists, err := i.from.Inventory(ctx)
	if err != nil {
		return err
	}
	i.lists.Store(&lists)
	for _, k := range i.e.keys {
		if k.inventory == i {
			for _, ev := range k.listings() {
				k.post(ev)
			}
		}
	}
	return nil
}

// refused tells that the list cannot be read. That is no news about any key.
func (i *inventoryRun) refused(ctx context.Context, times int, err error) {
	i.e.log.WarnContext(ctx, "list of keys not read", "provider", i.provider, "attempt", times, "err", err)
	if times < inventoryTell {
		return
	}
	i.e.alerts.open(i.subject(), "", i.provider, nil, rotation.Open{
		Cause: key.SelfDegraded, Severity: key.Warning,
		Summary:  "the list of keys at " + i.provider + " cannot be read; names, owners and ends of its keys are as they were",
		Evidence: map[string]string{"detail": err.Error()},
		Actions:  []string{"see whether the admin key of providers." + i.provider + " still lives: livekey check reads the list too"},
	})
}

// want asks for the list to be read again soon: it may be older than a key.
func (i *inventoryRun) want() {
	select {
	case i.wanted <- struct{}{}:
	default:
	}
}

// listings are what the list says anew of the versions that livekey has the bytes of.
func (k *keyRun) listings() (news []rotation.Event) {
	if k.inventory == nil {
		return nil
	}
	lists := k.inventory.lists.Load()
	if lists == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &k.state
	for _, v := range []*rotation.Version{s.Candidate, s.Delivering, s.Current} {
		if v == nil {
			continue
		}
		m, ok := k.materials.get(v.Fingerprint)
		if !ok {
			continue
		}
		said := (*lists)(m.Parts[key.DefaultPart], v.Last.Identity)
		if said == nil && v.Last.Outcome == key.Live && k.Provider == k.inventory.provider {
			k.inventory.want()
		}
		if !reflect.DeepEqual(said, v.Listed) {
			news = append(news, rotation.Inventoried{At: now(), Fingerprint: v.Fingerprint, Listing: said})
			k.logListed(v, said)
		}
	}
	return news
}

func (k *keyRun) logListed(v *rotation.Version, l *key.Listing) {
	switch {
	case l == nil:
		k.e.log.Info("key is not in its issuer's list any more", "key", k.Name, "version", v.ID)
	case l.Idle() && v.Last.Outcome == key.Live:
		k.e.log.Warn("key lives, and its issuer lists it as one that may not be used", "key", k.Name, "version", v.ID, key.ListedAs, l.Status)
	default:
		k.e.log.Info("key found in its issuer's list", "key", k.Name, "version", v.ID, "ambiguous", l.Ambiguous)
	}
}
