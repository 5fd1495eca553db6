package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// several is the evidence of an alert that speaks of old versions: of the newest in
// full, and of the others by name.
func (t *turn) several(all []*Version) (evidence map[string]string, names string) {
	evidence = t.evidence(all[0])
	ids := make([]string, len(all))
	for i, v := range all {
		ids[i] = string(v.ID)
	}
	names = "version " + ids[0]
	if len(ids) > 1 {
		names = "versions " + strings.Join(ids, ", ")
		evidence["versions"] = strings.Join(ids, ", ")
	}
	return evidence, names
}

// one is a verb for one version, or many.
func one(all []*Version, is, are string) string {
	if len(all) == 1 {
		return is
	}
	return are
}

// consumers makes one sorted list of many, for a person.
func consumers(lists ...[]key.Consumer) []string {
	var all []string
	for _, list := range lists {
		for _, c := range list {
			all = append(all, string(c))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// namedAtMost is how many consumers a summary names; affected has all.
const namedAtMost = 3

// Listed is the first few of some names in a sentence, and how many more there are.
func Listed(names []string) string {
	if more := len(names) - namedAtMost; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namedAtMost], ", "), more)
	}
	return strings.Join(names, ", ")
}

func (t *turn) whoHas() string { return "livekey who-has " + string(t.p.Key) }

func (t *turn) overlapAlert(all []*Version) Open {
	e, names := t.several(all)
	e["replaced"] = all[0].Replaced.UTC().Format(time.RFC3339)
	e["grace"] = t.p.Grace.String()
	var seen [][]key.Consumer
	for _, v := range all {
		seen = append(seen, t.s.Sight.Holders[v.Fingerprint])
	}
	holders := consumers(seen...)
	act := []string{
		"see whether it may go: livekey safe-to-revoke " + string(t.p.Key),
		"then revoke it at " + t.p.Provider,
	}
	held := ""
	if len(holders) > 0 {
		held = "; seen with it: " + Listed(holders)
		act = slices.Insert(act, 0, "restart who still has it: "+t.whoHas()+" names each, with the command")
	}
	return Open{
		Cause: key.OverlapTooLong, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: the old %s still %s, more than %s after every sink had the successor%s", t.p.Key, names, one(all, "works", "work"), t.p.Grace, held),
		Evidence: e, Affected: holders, Actions: act,
	}
}

func (t *turn) revokedEarlyAlert(all []*Version) Open {
	e, names := t.several(all)
	e["first_rejected"] = all[0].RejectedFirst.UTC().Format(time.RFC3339)
	var seen [][]key.Consumer
	behind, blind := false, false
	for _, v := range all {
		seen = append(seen, v.Early.Holders)
		behind = behind || v.Replaced.IsZero()
		blind = blind || v.Early.Blind
	}
	holders := consumers(seen...)
	var what, act []string
	if len(holders) > 0 {
		what = append(what, "while "+Listed(holders)+" still had it")
		act = append(act, "restart them: "+t.whoHas()+" names each, with the command")
	}
	if behind {
		what = append(what, "before every sink had its successor")
		act = append(act, "see which sink is behind, and why: livekey status")
	}
	if len(act) > 0 {
		act = append(act, "until that is done, enable the old key again at "+t.p.Provider+", if it lets you")
	}
	if len(what) == 0 {
		what = append(what, "before everybody had its successor")
		act = append(act, "see who still has it: "+t.whoHas())
	}
	if blind {
		e["unseen"] = "not every consumer could be looked at: there may be more"
	}
	return Open{
		Cause: key.RevokedEarly, Severity: key.Critical,
		Summary:  fmt.Sprintf("%s: the old %s %s revoked %s", t.p.Key, names, one(all, "was", "were"), strings.Join(what, " and ")),
		Evidence: e, Affected: holders, Actions: act,
	}
}

func (t *turn) completeAlert(v *Version) Open {
	return Open{
		Cause: key.RotationComplete, Severity: key.Info,
		Summary:  fmt.Sprintf("%s: the old version %s is gone for good; the rotation is complete", t.p.Key, v.ID),
		Evidence: t.evidence(v),
	}
}
