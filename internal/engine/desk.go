package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// desk keeps what is open, one alert per subject and cause, and hands every
// change to every channel. What a channel has not taken is in the journal.
type desk struct {
	log      *slog.Logger
	store    store
	told     alerts.Channel // the log: always, at once
	channels []*outbox

	mu      sync.Mutex
	current map[string]alerts.Data
	next    uint64 // number of the next event in the outboxes
}

func newDesk(log *slog.Logger, st store, told alerts.Channel, channels map[string]alerts.Channel, machine string, count Counter) (*desk, error) {
	open, err := st.openAlerts()
	if err != nil {
		return nil, err
	}
	d := &desk{log: log, store: st, told: told, current: map[string]alerts.Data{}}
	for id, a := range open {
		d.current[id] = a.Data
	}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		d.channels = append(d.channels, newOutbox(name, channels[name], machine, d.all, count, log, st))
	}
	err = st.Each(kindOutbox, func(id string, raw json.RawMessage) error {
		channel, n, ok := parseOutboxID(id)
		if !ok {
			return fmt.Errorf("read the journal's outbox: unreadable id %q", id)
		}
		d.next = max(d.next, n+1)
		for _, o := range d.channels {
			if o.name == channel {
				var a alerts.Alert
				if err := json.Unmarshal(raw, &a); err != nil {
					return fmt.Errorf("read the journal's outbox: %w", err)
				}
				o.queue = append(o.queue, queuedAlert{id: id, alert: a})
				return nil
			}
		}
		return nil // of a channel that the config names no more
	})
	if err != nil {
		return nil, err
	}
	d.owe(open)
	return d, nil
}

// owe queues what a run before this one noted as open and was killed before it had
// queued it everywhere.
func (d *desk) owe(open map[string]openAlert) {
	for _, id := range slices.Sorted(maps.Keys(open)) {
		a := open[id]
		if a.Untold == "" {
			continue
		}
		var lacking []*outbox
		for _, o := range d.channels {
			if !o.has(a.Untold, a.Data) {
				lacking = append(lacking, o)
			}
		}
		d.queue(lacking, alerts.Alert{Type: a.Untold, Timestamp: now(), Data: a.Data})
		d.keep(d.store.Put(kindAlert, id, openAlert{Data: a.Data}))
	}
}

func (d *desk) run(spawn func(func(context.Context))) {
	for _, o := range d.channels {
		spawn(o.run)
	}
}

// open tells that something is wrong, once, and again when what is told changes.
func (d *desk) open(subject string, name key.Name, provider string, affected []string, a rotation.Open) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := subject + "/" + string(a.Cause)
	data := alerts.Data{
		Cause: a.Cause, Severity: a.Severity, Key: name, Provider: provider, Summary: a.Summary,
		Evidence: a.Evidence, Affected: affected, Actions: a.Actions,
	}
	kind := alerts.Opened
	if was, isOpen := d.current[id]; isOpen {
		if sameStory(was, data) {
			return
		}
		kind, data.ID, data.Since = alerts.Updated, was.ID, was.Since
	} else {
		data.ID, data.Since = "alr_"+rand.Text(), now()
	}
	d.current[id] = data
	d.keep(d.store.PutSync(kindAlert, id, openAlert{data, kind}))
	d.send(kind, data)
	d.keep(d.store.Put(kindAlert, id, openAlert{Data: data}))
}

// resolve tells that it is over, if it was open.
func (d *desk) resolve(subject string, cause key.Cause, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := subject + "/" + string(cause)
	data, isOpen := d.current[id]
	if !isOpen {
		return
	}
	delete(d.current, id)
	data.Evidence = maps.Clone(data.Evidence)
	if data.Evidence == nil {
		data.Evidence = map[string]string{}
	}
	data.Evidence[alerts.ResolvedBy] = reason
	data.Actions = nil
	d.send(alerts.Resolved, data)
	d.keep(d.store.Delete(kindAlert, id))
}

// restless is evidence that changes from one look to the next and is no news.
var restless = []string{"request_id", "rejections", "detail", "http_status", notSeen}

func sameStory(a, b alerts.Data) bool {
	if a.Summary != b.Summary || a.Severity != b.Severity || !slices.Equal(a.Affected, b.Affected) {
		return false
	}
	ea, eb := maps.Clone(a.Evidence), maps.Clone(b.Evidence)
	for _, name := range restless {
		delete(ea, name)
		delete(eb, name)
	}
	return maps.Equal(ea, eb)
}

// send queues one event for every channel, before anything else can happen to
// the alert. The caller holds mu.
func (d *desk) send(kind alerts.Type, data alerts.Data) {
	a := alerts.Alert{Type: kind, Timestamp: now(), Data: data}
	d.queue(d.channels, a)
	if err := d.told.Send(context.Background(), a); err != nil {
		d.log.Error("alert not logged", "err", err)
	}
}

// queue is send for some channels, and without the log.
func (d *desk) queue(channels []*outbox, a alerts.Alert) {
	n := d.next
	d.next++
	for _, o := range channels {
		id := outboxID(o.name, n)
		d.keep(d.store.PutSync(kindOutbox, id, a))
		o.put(queuedAlert{id: id, alert: a})
	}
}

func (d *desk) keep(err error) {
	if err != nil {
		d.log.Error("alert not kept over a restart", "err", err)
	}
}

// keepOnly resolves what is open about something that the config has no more.
func (d *desk) keepOnly(known map[string]bool) {
	for id, a := range d.copy() {
		if subject := strings.TrimSuffix(id, "/"+string(a.Cause)); !known[subject] {
			d.resolve(subject, a.Cause, "it is no longer in the config")
		}
	}
}

func (d *desk) copy() map[string]alerts.Data {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.current)
}

// lookup returns an alert that is open.
func (d *desk) lookup(subject string, cause key.Cause) (alerts.Data, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, open := d.current[subject+"/"+string(cause)]
	return data, open
}

// all returns what is open, oldest first.
func (d *desk) all() []alerts.Data {
	return oldestFirst(d.copy())
}

func oldestFirst(open map[string]alerts.Data) []alerts.Data {
	return slices.SortedFunc(maps.Values(open), func(a, b alerts.Data) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
}

// outboxes are the channels besides the log, by name, with what waits in each.
func (d *desk) outboxes() []report.Channel {
	var all []report.Channel
	for _, o := range d.channels {
		all = append(all, o.report())
	}
	return all
}

// drained returns when every channel has taken everything, but not after limit.
func (d *desk) drained(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, o := range d.channels {
		o.empty(ctx)
	}
}

// itself is the subject of alerts about livekey.
const itself = "livekey"

// selfDegraded tells that livekey itself does less than it promises.
func (e *Engine) selfDegraded(what string, err error) {
	e.alerts.open(itself, "", "", nil, rotation.Open{
		Cause: key.SelfDegraded, Severity: key.Critical,
		Summary:  "livekey: " + what,
		Evidence: map[string]string{"detail": err.Error()},
		Actions:  []string{"see whether the disk of state_dir is full or read-only"},
	})
}
