package anthropicadmin

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// List is what an organization has of keys.
type List struct {
	Organization string // empty: the API did not say
	Records      []Record
}

// Record is what the API tells of one key.
type Record struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Status    string    `json:"status"` // active, inactive, archived, expired
	Hint      string    `json:"partial_key_hint"`
	ExpiresAt time.Time `json:"expires_at"` // zero: never
	Principal struct {
		Type string `json:"type"` // user, service_account
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"principal"`
}

// Usable says whether the record has an id that may stand in a path.
func (r Record) Usable() bool { return madeOf(r.ID, plain, maxID) }

// Of returns the records whose hint is one of v; none if the organization is known to be another.
func (l List) Of(v secret.Value, owner key.Identity) (all []Record) {
	if l.Another(owner) {
		return nil
	}
	for _, r := range l.Records {
		if r.Fits(v) {
			all = append(all, r)
		}
	}
	return all
}

// Another says that the list is of another organization than the key.
func (l List) Another(owner key.Identity) bool {
	own := owner["organization"]
	return own != "" && l.Organization != "" && own != l.Organization
}

// Find says what the list tells of v, nil if it has no such key. Where several hints fit,
// their names are all that is told.
func (l List) Find(v secret.Value, owner key.Identity) *key.Listing {
	switch found := l.Of(v, owner); len(found) {
	case 0:
		return nil
	case 1:
		r := found[0]
		who := word(r.Principal.Name)
		if who == "" {
			who = word(r.Principal.ID)
		}
		return &key.Listing{
			Name: word(r.Name), Owner: strings.TrimSpace(word(r.Principal.Type) + " " + who), Status: word(r.Status), ExpiresAt: r.ExpiresAt.UTC(),
		}
	default:
		names := make([]string, 0, maxNamed)
		for _, r := range found[:min(len(found), maxNamed)] {
			names = append(names, word(r.Name))
		}
		text := strings.Join(names, " or ")
		if more := len(found) - maxNamed; more > 0 {
			text += fmt.Sprintf(" or one of %d more", more)
		}
		return &key.Listing{Name: text, Ambiguous: true}
	}
}

// Inventory lists the keys once and returns what finds one among them.
func (c *Client) Inventory(ctx context.Context) (func(secret.Value, key.Identity) *key.Listing, error) {
	l, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	return l.Find, nil
}

const (
	maxNamed = 3   // of keys whose hints fit
	maxWord  = 128 // bytes of a text that people gave
)

// word is a text of the API that may be shown: one short line, and nothing like a key.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxWord || strings.Contains(s, "sk-ant-") {
		return ""
	}
	return s
}

// A hint is the beginning of a key, three dots, and its end: sk-ant-api03-R2D...igAA. What
// every key begins with tells none from another.
var hintPrefix = regexp.MustCompile(`^sk-ant-[a-z]+[0-9]+-`)

const minShown = 7 // characters behind the prefix and at the end, together

// Fits says whether the hint is one of v. A hint that shows too little fits nothing.
func (r Record) Fits(v secret.Value) bool {
	head, tail, ok := strings.Cut(r.Hint, "...")
	prefix := hintPrefix.FindString(head)
	if !ok || prefix == "" || tail == "" || len(head)-len(prefix)+len(tail) < minShown {
		return false
	}
	b := v.Reveal()
	return len(b) > len(head)+len(tail) && bytes.HasPrefix(b, []byte(head)) && bytes.HasSuffix(b, []byte(tail))
}
