package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/rotation"
)

// statusText prints a table of the keys, what is held, and the open alerts.
func (a *app) statusText(s report.Status, now time.Time) error {
	keys := ui.NewTable("key", "provider", "delivered", "verdict", "asked", "next", "sinks")
	for _, k := range s.Keys {
		keys.Row(keyRow(k, now)...)
	}
	if err := a.out.Print(keys); err != nil {
		return err
	}
	var b strings.Builder
	for _, k := range s.Keys {
		for _, line := range keyLines(k, now) {
			b.WriteString(a.out.Wrap(line.Style, "", "  ", line.Text))
		}
	}
	b.WriteString(a.alertsText(s.Alerts, now, false))
	_, err := fmt.Fprint(a.out.Out, b.String())
	return err
}

// readiness is the last line of a status: may consumers start?
func (a *app) readiness(s report.Status) error {
	style, text := ui.Good, "ready"
	switch {
	case s.Lease != nil && !s.Lease.Working:
		style, text = ui.Good, standbyText(*s.Lease)
	case !s.Ready:
		style, text = ui.Bad, "not ready: a required key is not delivered"
	case judge(s) != ok:
		style, text = ui.Warn, "ready: every required key is delivered, but see above"
	}
	return a.print("\n" + a.out.Paint(style, text) + "\n")
}

// standbyText says who works instead.
func standbyText(l report.Lease) string {
	text := "standby: " + cmp.Or(l.Holder, "nobody") + " has the lease " + l.Name
	if l.Error != "" {
		text += ", as far as is known: " + l.Error
	}
	return text
}

func keyRow(k report.Key, now time.Time) []ui.Cell {
	name := ui.Cell{Text: string(k.Name), Style: ui.Title}
	sinks := make([]string, len(k.Sinks))
	for i, s := range k.Sinks {
		sinks[i] = s.Name
	}
	next := "-"
	asked := k.Provider != config.NoProvider
	if asked && !k.NextProbeAt.IsZero() {
		next = ui.Span(k.NextProbeAt.Sub(now))
	}
	slices.Sort(sinks)
	last := ui.Text(strings.Join(sinks, " "))
	if k.Current == nil {
		return []ui.Cell{name, ui.Text(k.Provider), {Text: "nothing", Style: ui.Bad}, ui.Text("-"), ui.Text("-"), ui.Text(next), last}
	}
	c := k.Current
	v := verdict(c.Outcome, c.Reason)
	if c.Suspect {
		v = ui.Cell{Text: "suspect", Style: ui.Warn}
	}
	switch {
	case c.Unproved != "" && c.Unproved == c.Reason:
		v = ui.Cell{Text: "unproved/" + string(c.Unproved), Style: ui.Warn}
	case c.Unproved != "":
		v = ui.Cell{Text: v.Text + " unproved", Style: ui.Warn}
	}
	age := "-"
	if asked {
		age = ui.Age(now, c.CheckedAt)
	}
	return []ui.Cell{name, ui.Text(k.Provider), ui.Text(c.Fingerprint), v, ui.Text(age), ui.Text(next), last}
}

// keyLines is what does not fit the table: what is held, what failed, what is paused.
func keyLines(k report.Key, now time.Time) []ui.Cell {
	var lines []ui.Cell
	say := func(style ui.Style, format string, args ...any) {
		lines = append(lines, ui.Cell{Text: fmt.Sprintf("%s: ", k.Name) + fmt.Sprintf(format, args...), Style: style})
	}
	if c := k.Current; c != nil && c.Unanswered != "" && c.Unproved == "" {
		say(ui.Warn, "the last question had no answer: unknown/%s", c.Unanswered)
	}
	if c := k.Current; c != nil && c.Suspect {
		say(ui.Warn, "its issuer refused it, %s; it is asked again before it is called dead", verdict(c.Outcome, c.Reason).Text)
	}
	if c := k.Current; c != nil {
		told := slices.DeleteFunc([]string{owner(c.Identity), terms(c.ExpiresAt, c.Limits, now)}, func(s string) bool { return s == "" })
		if len(told) > 0 {
			say(ui.Faint, "%s", strings.Join(told, "; "))
		}
	}
	if c := k.Current; c != nil {
		if text := contradicted(c.Outcome, c.Identity); text != "" {
			say(ui.Warn, "%s", text)
		}
	}
	if c := k.Candidate; c != nil {
		text := fmt.Sprintf("candidate %s is %s", c.Fingerprint, verdict(c.Outcome, c.Reason).Text)
		if c.HeldBy != "" {
			text += ", held: " + cmp.Or(heldTexts[c.HeldBy], c.HeldBy)
		}
		text += fmt.Sprintf(" (%s)", ui.Age(now, c.Since))
		if c.Detail != "" && (c.Outcome != key.Live || c.Reason != key.Valid) { // "accepted" is no reason to be held
			text += ": " + c.Detail
		}
		if end := terms(c.ExpiresAt, nil, now); end != "" {
			text += "; " + end
		}
		say(ui.Warn, "%s", text)
		if c.HeldBy == heldFailed {
			lines = append(lines, ui.Cell{Text: "  -> mend them, then livekey approve " + string(k.Name)})
		}
	}
	var dead, lost []string
	for _, o := range k.Older {
		switch {
		case o.Unwatched:
			lost = append(lost, o.Fingerprint)
		case o.Outcome == key.Dead:
			dead = append(dead, o.Fingerprint)
		default:
			say(ui.Faint, "older %s is %s (%s)", o.Fingerprint, o.Outcome, ui.Age(now, o.CheckedAt))
		}
	}
	switch {
	case len(dead) == 1:
		say(ui.Faint, "older %s is dead", dead[0])
	case len(dead) > 1:
		say(ui.Faint, "older %s are dead", rotation.Listed(dead))
	}
	switch {
	case len(lost) == 1:
		say(ui.Warn, "older %s: nobody has its value any more, so livekey cannot tell when it is revoked", lost[0])
	case len(lost) > 1:
		say(ui.Warn, "older %s: nobody has their values any more, so livekey cannot tell when they are revoked", rotation.Listed(lost))
	}
	if h := k.Holders; h != nil && h.Older > 0 {
		say(ui.Warn, "seen with an old version: %d, with the current: %d (%s)", h.Older, h.Current, ui.Age(now, h.LookedAt))
		lines = append(lines, ui.Cell{Text: "  -> livekey who-has " + string(k.Name)})
	}
	if k.SourceError != "" {
		say(ui.Warn, "source: %s", k.SourceError)
	}
	if text, style := adopted(k.Adoption); text != "" {
		say(style, "%s", text)
	}
	for _, l := range k.UnreadLogs {
		say(ui.Warn, "refusals are not seen in %s", oneLine(l))
	}
	for _, s := range k.Sinks {
		if s.Error != "" {
			say(ui.Bad, "sink %s: %s", s.Name, oneLine(s.Error))
		}
		if s.ReloadOwed {
			say(ui.Warn, "sink %s: a reload is owed", s.Name)
		}
	}
	if k.PausedUntil.After(now) {
		text := "paused for " + ui.Span(k.PausedUntil.Sub(now)) + " more"
		if k.PauseReason != "" {
			text += ": " + k.PauseReason
		}
		say(ui.Warn, "%s", text)
	}
	return lines
}

// heldFailed is why a version is held that no alert tells of: the one before is back, and lives.
const heldFailed = string(rotation.HoldFailed)

// heldTexts are reasons that a word does not tell.
var heldTexts = map[string]string{
	heldFailed: "its consumers did not come back with it", string(rotation.HoldDelivering): "it is being written",
}

// adopted says how many consumers are known to have the current version, and names who has not.
func adopted(all []report.Adoption) (string, ui.Style) {
	if len(all) == 0 {
		return "", ui.Plain
	}
	var behind []string
	for _, a := range all {
		if a.Stage != key.StageCurrent {
			behind = append(behind, fmt.Sprintf("%s has %s", a.Consumer, a.Fingerprint))
		}
	}
	text := fmt.Sprintf("adopted by %d of %s", len(all)-len(behind), counted(len(all), "consumer"))
	if len(behind) == 0 {
		return text, ui.Faint
	}
	return text + ": " + rotation.Listed(behind), ui.Warn
}

// changing is what --watch waits for: everything but the times, which pass anyway.
func changing(s report.Status) string {
	keys := slices.Clone(s.Keys)
	for i, k := range keys {
		keys[i].NextProbeAt = time.Time{}
		if k.Current != nil {
			c := *k.Current
			c.CheckedAt, c.Limits = time.Time{}, nil
			keys[i].Current = &c
		}
		if k.Holders != nil {
			h := *k.Holders
			h.LookedAt = time.Time{}
			keys[i].Holders = &h
		}
		keys[i].Older = slices.Clone(k.Older)
		for j := range keys[i].Older {
			keys[i].Older[j].CheckedAt = time.Time{}
		}
	}
	s.Keys = keys
	s.Channels = slices.Clone(s.Channels)
	for i := range s.Channels {
		s.Channels[i].Tried = time.Time{}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
