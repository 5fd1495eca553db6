package rotation

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// evidence is what every alert about a version says of it.
func (t *turn) evidence(v *Version) map[string]string {
	e := map[string]string{
		"version":     string(v.ID),
		"fingerprint": v.Fingerprint.String(),
		"outcome":     v.Latest.Outcome.String(),
		"reason":      string(v.Latest.Reason),
	}
	if v.Latest.Outcome == key.Unknown && v.Last.Outcome != key.Unknown {
		e["last_known"] = v.Last.Outcome.String() + "/" + string(v.Last.Reason)
	}
	for name, text := range map[string]string{
		"which": v.Latest.Which, "detail": v.Latest.Detail, "request_id": v.Latest.RequestID, "from": t.p.From,
	} {
		if text != "" {
			e[name] = text
		}
	}
	if v.Latest.HTTPStatus != 0 {
		e["http_status"] = strconv.Itoa(v.Latest.HTTPStatus)
	}
	if c := t.s.Current; c != nil && c.Fingerprint != v.Fingerprint {
		e["delivered_version"] = string(c.ID)
		e["delivered_fingerprint"] = c.Fingerprint.String()
	}
	return e
}

// stays says what consumers have while a candidate is held.
func (t *turn) stays() string {
	if t.s.Current == nil {
		return "nothing is delivered yet"
	}
	return fmt.Sprintf("version %s stays delivered", t.s.Current.ID)
}

func (t *turn) rejectedAlert(c *Version) Open {
	summary := fmt.Sprintf("%s: new version %s was refused by %s (%s); %s", t.p.Key, c.ID, t.p.Provider, c.Last.Reason, t.stays())
	act := []string{"put a working key into " + t.p.From, "ask again at once: livekey refresh " + string(t.p.Key)}
	if c.Hold == HoldMalformed {
		summary = fmt.Sprintf("%s: new version %s is malformed (%s) and was not sent; %s", t.p.Key, c.ID, c.Last.Which, t.stays())
		act = []string{"mend what is stored in " + t.p.From + ": " + c.Last.Detail}
	}
	return Open{Cause: key.CandidateRejected, Severity: key.Warning, Summary: summary, Evidence: t.evidence(c), Actions: act}
}

func (t *turn) unprovedAlert(c *Version) Open {
	return Open{
		Cause: key.CandidateUnproved, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: nobody could prove new version %s (%s); %s", t.p.Key, c.ID, c.Latest.Reason, t.stays()),
		Evidence: t.evidence(c),
		Actions:  []string{"see why the issuer cannot be asked: livekey check " + string(t.p.Key)},
	}
}

func (t *turn) deliveredUnprovedAlert(v *Version) Open {
	return Open{
		Cause: key.CandidateUnproved, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: version %s was delivered into an empty sink without proof (%s)", t.p.Key, v.ID, v.Latest.Reason),
		Evidence: t.evidence(v),
		Actions:  []string{"livekey goes on asking; see why it cannot: livekey check " + string(t.p.Key)},
	}
}

func (t *turn) worseAlert(c *Version) Open {
	e := t.evidence(c)
	e["delivered_outcome"] = t.s.Current.Last.Outcome.String() + "/" + string(t.s.Current.Last.Reason)
	return Open{
		Cause: key.CandidateWorse, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: new version %s lives, but worse than the delivered one (%s %s); %s%s", t.p.Key, c.ID, c.Last.Reason, c.Last.Which, t.stays(), t.endOf(c)),
		Evidence: e,
		Actions:  []string{"mend the new key at " + t.p.Provider, "or deliver it all the same: livekey approve " + string(t.p.Key) + " --reason …"},
	}
}

func (t *turn) misplacedAlert(c *Version, field string) Open {
	e := t.evidence(c)
	want := t.p.Expect[field]
	if want == "" {
		want = t.s.Identity[field]
	}
	e["field"], e["expected"], e["found"] = field, want, c.Last.Identity[field]
	found := fmt.Sprintf("%s %s, not %s", field, e["found"], want)
	if e["found"] == "" {
		found = "nobody the issuer names, not " + field + " " + want
	}
	return Open{
		Cause: key.CandidateMisplaced, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: new version %s belongs to %s; %s%s", t.p.Key, c.ID, found, t.stays(), t.endOf(c)),
		Evidence: e,
		Actions: []string{
			"put a key of the same " + field + " into " + t.p.From,
			"or, if the move is meant: livekey approve " + string(t.p.Key) + " --reason …",
		},
	}
}

func (t *turn) regressedAlert(c *Version) Open {
	e := t.evidence(c)
	e["highest_seen"] = strconv.FormatInt(t.s.Highest, 10)
	return Open{
		Cause: key.VersionRegressed, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: the source went back to version %s after %d; %s", t.p.Key, c.ID, t.s.Highest, t.stays()),
		Evidence: e,
		Actions:  []string{"if the rollback is meant: livekey approve " + string(t.p.Key) + " --reason …", "else look for a stale replica behind " + t.p.From},
	}
}

func (t *turn) missingAlert(detail string) Open {
	return Open{
		Cause: key.SourceMissing, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: its source has nothing to deliver (%s); %s", t.p.Key, detail, t.stays()),
		Evidence: map[string]string{"from": t.p.From, "detail": detail},
		Actions:  []string{"put the key into " + t.p.From + ", or correct from: in the config"},
	}
}

func (t *turn) deadAlert(c *Version) Open {
	e := t.evidence(c)
	e["rejections"] = strconv.Itoa(c.Rejections)
	e["first_rejected"] = c.RejectedFirst.UTC().Format(time.RFC3339)
	but := t.p.From + " has no other that lives"
	act := []string{
		"make a new key at " + t.p.Provider + " and put it into " + t.p.From + ": livekey delivers it as soon as it is proved",
		"or enable this one again, if it was disabled by mistake",
	}
	if held := t.s.Candidate; held != nil && held.Hold == HoldFailed {
		but = fmt.Sprintf("version %s is held, since %s did not come back with it", held.ID, held.Failed)
		act = slices.Insert(act, 0, "deliver the held version all the same: livekey approve "+string(t.p.Key)+" --reason …")
	}
	return Open{
		Cause: key.KeyDead, Severity: key.Critical,
		Summary:  fmt.Sprintf("%s: %s refuses the delivered version %s (%s), and %s", t.p.Key, t.p.Provider, c.ID, c.Last.Reason, but),
		Evidence: e,
		Actions:  act,
	}
}

func (t *turn) suspectAlert(c *Version) Open {
	e := t.evidence(c)
	e["rejections"] = strconv.Itoa(c.Doubts)
	return Open{
		Cause: key.KeySuspect, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: the delivered version %s is rejected again and again, without proof that it is %s who does", t.p.Key, c.ID, t.p.Provider),
		Evidence: e,
		Actions:  []string{"look for a proxy, gateway or wrong base_url between this host and " + t.p.Provider, "see the answer: livekey check " + string(t.p.Key)},
	}
}

func (t *turn) blockedAlert(c *Version) Open {
	return Open{
		Cause: key.KeyBlocked, Severity: key.Critical,
		Summary:  fmt.Sprintf("%s: the delivered version %s authenticates and cannot be used (%s)", t.p.Key, c.ID, c.Last.Which),
		Evidence: t.evidence(c),
		Actions:  []string{remedies[c.Last.Which] + " at " + t.p.Provider},
	}
}

// remedies say what mends a blocked key.
var remedies = map[string]string{
	"":                "see why the account is blocked",
	"no_credit":       "add credit",
	"spend_cap":       "raise the spend limit, or wait until it resets",
	"org_disabled":    "have the organization enabled again",
	"needs_workspace": "name the workspace (with: {workspace: …} on the key), or make a key of one workspace",
}
