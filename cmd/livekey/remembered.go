package main

import (
	"encoding/json"
	"fmt"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// The engine's records from which a status can be told without it.
const (
	keyRecords   journal.Kind = "key"   // rotation.State by key name
	alertRecords journal.Kind = "alert" // alerts.Data of what is open
)

// remembered prints what the journal of a daemon that does not answer says. A
// journal that we may not read, or that is not there, is no news.
func (a *app) remembered(cfg *config.Config, output format) error {
	j, err := journal.OpenReadOnly(cfg.StateDir, a.quiet())
	if err != nil {
		return nil //nolint:nilerr // the caller has said that nobody answers
	}
	defer func() { _ = j.Close() }()
	s, err := recall(j, cfg)
	if err != nil {
		return err
	}
	a.note("the journal's last word, in %s:", cfg.StateDir)
	return a.printStatus(s, output)
}

// recall is the status that a journal remembers. Nobody is ready who does not run.
func recall(j *journal.Journal, cfg *config.Config) (report.Status, error) {
	s := report.Status{Keys: []report.Key{}, Alerts: []alerts.Data{}}
	err := j.Each(keyRecords, func(id string, raw json.RawMessage) error {
		var state rotation.State
		if err := json.Unmarshal(raw, &state); err != nil {
			return fmt.Errorf("read the journal of key %s: %w", id, err)
		}
		k := cfg.Keys[key.Name(id)]
		r := engine.Describe(key.Name(id), k.Provider, state)
		r.Optional = k.Optional
		s.Keys = append(s.Keys, r)
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, j.Each(alertRecords, func(id string, raw json.RawMessage) error {
		var d alerts.Data
		if err := json.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("read the journal of alert %s: %w", id, err)
		}
		s.Alerts = append(s.Alerts, d)
		return nil
	})
}
