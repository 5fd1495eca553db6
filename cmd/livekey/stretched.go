package main

import (
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/schedule"
)

// stretched says of which keys the budget does not last for the interval at which
// they are to be probed, and what becomes of it.
func (p *plan) stretched() []string {
	var lines []string
	for _, k := range p.keys {
		if p.cfg.Keys[k.Name].Provider == config.NoProvider {
			continue // nobody is asked
		}
		probe, limit := p.cfg.Keys[k.Name].Policy.Probe, p.cfg.Keys[k.Name].Policy.Budget
		if every := lasting(probe, limit); every > probe {
			lines = append(lines, fmt.Sprintf("%s: probe %s asks %d times a day, the budget is %d: asked every %s instead; raise policy.budget",
				k.Name, probe, 24*time.Hour/probe, limit, every.Round(time.Second)))
		}
	}
	return lines
}

// lasting is the interval that a day's budget of limit calls leaves of probe. The
// budget counts by the hour, so that it depends on the minute by some seconds;
// this is what it is at an hour's end, the shortest.
func lasting(probe time.Duration, limit int) time.Duration {
	b := schedule.NewBudget(limit)
	return b.Stretch(time.Unix(3600, 0).Add(-1), probe)
}
