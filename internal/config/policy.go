package config

import (
	"slices"
	"time"
)

// policySpec is a policy as the file writes it.
type policySpec struct {
	Refresh time.Duration `yaml:"refresh"`
	Probe   time.Duration `yaml:"probe"`
	Confirm struct {
		Times int           `yaml:"times"`
		Over  time.Duration `yaml:"over"`
	} `yaml:"confirm"`
	OnUnknown     OnUnknown     `yaml:"on_unknown"`
	Grace         time.Duration `yaml:"grace"`
	Budget        int           `yaml:"budget"`
	AllowRollback Rollback      `yaml:"allow_rollback"`
	WatchPrevious bool          `yaml:"watch_previous"`
	// Expiry is in any order as written.
	Expiry []time.Duration `yaml:"expiry"`
}

// shortest is the shortest duration that makes sense: below it livekey would ask
// without pause.
const shortest = 50 * time.Millisecond

// policy reads n over p.
func (b *builder) policy(n Node, p Policy) Policy {
	spec := policySpec{
		Refresh: p.Refresh, Probe: p.Probe, OnUnknown: p.OnUnknown, Grace: p.Grace, Budget: p.Budget,
		AllowRollback: p.AllowRollback, WatchPrevious: p.WatchPrevious, Expiry: p.Expiry,
	}
	spec.Confirm.Times, spec.Confirm.Over = p.ConfirmTimes, p.ConfirmOver
	b.take(n.Decode(&spec)) // what cannot be read stays as in p
	b.policyRanges(n, spec)
	if n.has("expiry") {
		spec.Expiry = b.thresholds(n, spec.Expiry)
	}
	return Policy{
		Refresh: spec.Refresh, Probe: spec.Probe, ConfirmTimes: spec.Confirm.Times, ConfirmOver: spec.Confirm.Over,
		OnUnknown: spec.OnUnknown, Grace: spec.Grace, Budget: spec.Budget,
		AllowRollback: spec.AllowRollback, WatchPrevious: spec.WatchPrevious, Expiry: spec.Expiry,
	}
}

// policyRanges checks what n says itself: a key without a policy of its own does
// not repeat the faults of everybody's.
func (b *builder) policyRanges(n Node, spec policySpec) {
	if n.empty() {
		return
	}
	for field, d := range map[string]time.Duration{
		"refresh": spec.Refresh, "probe": spec.Probe, "confirm.over": spec.Confirm.Over, "grace": spec.Grace,
	} {
		if n.has(field) && d < shortest && (d != 0 || field != "refresh") {
			b.add(n.fault(field, "shorter than 50ms", ""))
		}
	}
	if n.has("confirm.times") && spec.Confirm.Times < 1 {
		b.add(n.fault("confirm.times", "must be 1 or more", ""))
	}
	if n.has("budget") && spec.Budget < 1 {
		b.add(n.fault("budget", "must be 1 or more", "it counts the live calls of one key in a day"))
	}
}

// thresholds checks how near an end is told, and puts the farthest first. 0 is the end
// itself, and what could not be read.
func (b *builder) thresholds(n Node, all []time.Duration) []time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	for i, d := range all {
		if d > 0 && d < shortest {
			b.add(n.fault("expiry", "shorter than 50ms", ""))
		}
		if d > 0 && i > 0 && d == all[i-1] {
			b.add(n.fault("expiry", "says the same twice", "each is a time before the end of a key, such as 14d, 3d and 12h"))
		}
	}
	slices.Reverse(all)
	return all
}
