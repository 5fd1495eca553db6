// Package doctor answers why a key gets 401. Gatherers look at one place each and put what
// they saw into an Evidence; a table of causes, in an order that does not change, says which
// of them hold. Neither has a value: what is seen is names, places, faults and verdicts.
package doctor

import (
	"slices"

	"github.com/livekey/livekey/internal/key"
)

// Name is what a cause is called, in JSON and in docs/doctor.md.
type Name string

// Blame says what is wrong where a cause holds: it decides the exit code.
type Blame string

// The blames.
const (
	OfKey   Blame = "key"   // dead, blocked, malformed or missing: no request with it can succeed
	OfSetup Blame = "setup" // the key itself may be good; what is around it keeps it from working
	OfRoad  Blame = "road"  // somebody in between, so that nobody can say
)

// Finding is one cause that holds.
type Finding struct {
	Cause Name   `json:"cause"`
	Title string `json:"title"`
	Blame Blame  `json:"blame"`
	// Certain says that this alone explains a 401. Others are worth a look.
	Certain bool   `json:"certain"`
	Seen    string `json:"seen"`              // what of it was seen, where
	Fix     string `json:"fix"`               // what to do, in a sentence
	Command string `json:"command,omitempty"` // that does it, or that begins it
}

// cause is one row of the table. test returns nil if it does not hold.
type cause struct {
	name  Name
	title string
	blame Blame
	test  func(e *Evidence) *sign
}

// sign is what a test saw, and what to do.
type sign struct {
	seen, fix, command string
	hint               bool // worth a look, and no more
}

// Diagnosis is all that is found about one key.
type Diagnosis struct {
	Key      key.Name `json:"key"`
	Variable string   `json:"variable,omitempty"`
	Provider string   `json:"provider,omitempty"`
	Place    Place    `json:"place"`
	At       string   `json:"at"` // the place in words
	// Asked says that the issuer was asked, with Verdict as the answer.
	Asked   bool         `json:"asked"`
	Verdict *key.Verdict `json:"verdict,omitempty"`
	Causes  []Finding    `json:"causes"`            // every one that holds, in order
	Request string       `json:"request,omitempty"` // the right request, as a curl line that reads the key from the environment
	Unseen  []string     `json:"unseen,omitempty"`  // where nobody could look, in a line each
}

// Report is what `livekey doctor --output json` prints.
type Report struct {
	Keys []Diagnosis `json:"keys"`
}

// Diagnose walks every cause.
func Diagnose(e Evidence) Diagnosis {
	d := Diagnosis{
		Key: e.Key, Variable: e.Variable, Provider: e.Provider, Place: e.Place, At: e.At, Asked: e.Asked, Request: e.Request,
		Causes: []Finding{}, Unseen: e.Unseen,
	}
	if e.Asked || e.Verdict.Reason != "" {
		v := e.Verdict
		v.Fingerprint = "" // of a salt that nobody else has
		d.Verdict = &v
	}
	for _, c := range causes {
		if s := c.test(&e); s != nil {
			d.Causes = append(d.Causes, Finding{
				Cause: c.name, Title: c.title, Blame: c.blame, Certain: !s.hint, Seen: s.seen, Fix: s.fix, Command: s.command,
			})
		}
	}
	return d
}

// First is the first certain cause, else the first that is worth a look. ok is false if
// there is none.
func (d Diagnosis) First() (f Finding, ok bool) {
	i := slices.IndexFunc(d.Causes, func(f Finding) bool { return f.Certain })
	if i < 0 && len(d.Causes) > 0 {
		i = 0
	}
	if i < 0 {
		return Finding{}, false
	}
	return d.Causes[i], true
}

// Causes are the names of all, in order.
func Causes() []Name {
	var names []Name
	for _, c := range causes {
		names = append(names, c.name)
	}
	return names
}
