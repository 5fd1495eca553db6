package rotation

import (
	"fmt"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
)

const (
	// sameMoment is how far apart two dates of one version may be and still be one: an
	// issuer that tells how many seconds are left is asked at other moments.
	sameMoment = 10 * time.Second
	// lastPart: what is replaced time and again is so by two thirds of its life. An end
	// that is further off than the last third is none to speak of.
	lastPart = 3
	// lateFor: of a life too short for every threshold, the last tenth is told.
	lateFor = 10
)

// remember keeps the end that was told of v before, where the answer tells none: only a
// plain "valid" without an end says that there is none any more.
func (v *Version) remember(answer key.Verdict) key.Verdict {
	was, plain := v.Last.ExpiresAt, answer.Outcome == key.Live && answer.Reason == key.Valid
	apart := answer.ExpiresAt.Sub(was).Abs()
	if answer.ExpiresAt.IsZero() && !plain || !answer.ExpiresAt.IsZero() && !was.IsZero() && apart < sameMoment {
		answer.ExpiresAt = was
	}
	return answer
}

// End is when v expires: as its issuer answered, or else as its list of keys says. Zero:
// nobody told.
func (v *Version) End() time.Time {
	if v.Last.ExpiresAt.IsZero() && v.Listed != nil {
		return v.Listed.ExpiresAt
	}
	return v.Last.ExpiresAt
}

// inventoried takes note of what the issuer's list says, which changes no verdict.
func (t *turn) inventoried(e Inventoried) {
	for _, v := range t.s.all() {
		if v.Fingerprint == e.Fingerprint {
			v.Listed = e.Listing
		}
	}
	t.expiring()
}

// expiring tells how near the end of the current version is, once for each threshold. A
// version that is dead is told of as such.
func (t *turn) expiring() {
	c := t.s.Current
	if c == nil {
		return
	}
	c.Warn = time.Time{}
	end := c.End()
	if t.s.Dead || end.IsZero() {
		reason := "its issuer tells no end any more"
		if t.s.Dead {
			reason = "it is dead"
		}
		t.resolve(reason, key.KeyExpiring)
		return
	}
	steps := t.steps(c)
	near := 0
	for near < len(steps) && t.now.Sub(end.Add(-steps[near])) >= 0 {
		near++
	}
	switch {
	case near < len(steps):
		c.Warn = end.Add(-steps[near])
	case len(steps) > 0 && t.now.Before(end):
		c.Warn = end
	}
	if near == 0 {
		t.resolve("its end is far enough", key.KeyExpiring)
		return
	}
	t.do(t.expiringAlert(c, steps[near-1], near-len(steps)))
}

// steps are the thresholds for c, the farthest first. A key of which already the version
// before was short-lived is replaced by somebody, time and again: of its life, only the last
// part is worth a word.
func (t *turn) steps(c *Version) []time.Duration {
	all := t.p.Expiry
	if len(all) == 0 || len(t.s.Older) == 0 {
		return all
	}
	before := t.s.Older[0].life()
	if before == 0 || c.life() == 0 {
		return all
	}
	life := max(before, c.life())
	first := slices.IndexFunc(all, func(d time.Duration) bool { return d <= life/lastPart })
	if first < 0 {
		return []time.Duration{life / lateFor}
	}
	return all[first:]
}

// life is how long a version lives from when it was first seen, 0 if nobody says.
func (v *Version) life() time.Duration {
	if v.End().IsZero() || v.Seen.IsZero() {
		return 0
	}
	return max(0, v.End().Sub(v.Seen))
}

// severities are those of the last thresholds; all that are farther are good to know.
var severities = []key.Severity{key.Critical, key.Warning, key.Info}

// expiringAlert says that c ends within the threshold, which is the last one if left is
// 0, the one before it if left is -1, and so on.
func (t *turn) expiringAlert(c *Version, within time.Duration, left int) Open {
	end := c.End()
	e := map[string]string{
		"version": string(c.ID), "fingerprint": c.Fingerprint.String(), "expires_at": end.UTC().Format(time.RFC3339),
		"within": days(within), "from": t.p.From,
	}
	if c.Listed != nil && c.Listed.Name != "" && !c.Listed.Ambiguous {
		e["name"] = c.Listed.Name
	}
	summary := fmt.Sprintf("%s: the delivered version %s expires at %s, in less than %s", t.p.Key, c.ID, date(end), days(within))
	if !t.now.Before(end) {
		summary = fmt.Sprintf("%s: the delivered version %s was to expire at %s", t.p.Key, c.ID, date(end))
		e["within"] = "0s"
	}
	if len(t.s.Older) > 0 {
		if was := &t.s.Older[0]; was.End().After(end) && was.Last.Outcome == key.Live {
			summary += fmt.Sprintf(", sooner than version %s before it", was.ID)
		}
	}
	act := []string{
		"make a new key at " + t.p.Provider + " and put it into " + t.p.From + ": livekey delivers it as soon as it is proved",
		"or have the end of this one moved at " + t.p.Provider + ", where it allows that, and then: livekey refresh " + string(t.p.Key),
	}
	if held := t.s.Candidate; held != nil && held.Hold.Approvable() {
		act = slices.Insert(act, 0, fmt.Sprintf("version %s is held (%s); deliver it all the same: livekey approve %s --reason …", held.ID, held.Hold, t.p.Key))
	}
	return Open{
		Cause: key.KeyExpiring, Severity: severities[min(-left, len(severities)-1)],
		Summary: summary, Evidence: e, Actions: act,
	}
}

// endOf warns of a candidate that ends soon, or before what is delivered: nobody holds
// it back for that. Empty if there is nothing to warn of.
func (t *turn) endOf(c *Version) string {
	end := c.End()
	if end.IsZero() {
		return ""
	}
	cur := t.s.Current
	switch {
	case len(t.p.Expiry) > 0 && t.now.Add(t.p.Expiry[0]).After(end):
	case cur != nil && cur.End().After(end):
	default:
		return ""
	}
	return "; it expires at " + date(end)
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// days writes a duration as a config does: 14d, 12h, 1h30m0s.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.Round(time.Second).String()
}
