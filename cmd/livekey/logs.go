package main

import (
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/logwatch"
)

// logs are those in which refusals are looked for, each once.
func (p *plan) logs() []engine.Log {
	type place struct {
		unit, path string
		consumer   key.Consumer
	}
	all := map[place]*engine.Log{}
	var order []place
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Keys)) {
		for _, w := range p.cfg.Keys[name].Reports {
			at := place{w.Unit, w.Path, w.Consumer}
			if all[at] == nil {
				all[at] = &engine.Log{Name: "file " + w.Path, Consumer: w.Consumer, Follower: logwatch.File{Path: w.Path}}
				if w.Unit != "" {
					all[at].Name, all[at].Follower = "the journal of "+w.Unit, logwatch.Journal{Unit: w.Unit}
				}
				order = append(order, at)
			}
			all[at].Keys = append(all[at].Keys, engine.LoggedKey{Key: name, Match: pattern(w).Match})
		}
	}
	var logs []engine.Log
	for _, at := range order {
		logs = append(logs, *all[at])
	}
	return logs
}

// pattern is which lines count; that it can be read, the config has seen to.
func pattern(w config.WatchedLog) logwatch.Pattern {
	if w.Match != "" {
		return logwatch.Literal(w.Match)
	}
	p, _ := logwatch.Regexp(w.Pattern)
	return p
}
