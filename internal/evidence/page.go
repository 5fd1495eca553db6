// Package evidence writes the report of rotations that somebody keeps: one HTML page that
// needs nothing else, asks nobody for anything, and can be printed. It has names and
// fingerprints, as the journal does, and no value.
package evidence

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
)

//go:embed style.css
var style string

// Page is one report.
type Page struct {
	Name      key.Name // of the key that was asked about; empty: all
	Rotations []report.Rotation
	Host      string // on which livekey runs
	Version   string // of livekey
	At        time.Time
}

// HTML is the whole page.
func (p Page) HTML() string {
	var w writer
	sum := sha256.Sum256([]byte(style))
	w.add(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-`,
		markup(base64.StdEncoding.EncodeToString(sum[:])), `'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>`, p.title(), `</title>
<style>`, markup(style), `</style>
</head>
<body>
<main>
`)
	p.head(&w)
	if len(p.Rotations) == 0 {
		w.add(element("p", "empty", "No rotation has been witnessed yet."))
	}
	for _, r := range p.Rotations {
		p.rotation(&w, r)
	}
	w.add(`<footer>
<p>This is what livekey witnessed, by names and fingerprints; it has no key. A scan shows which version a process was
<em>started with</em>, not which it uses, and that somebody was not seen proves nothing. Times are UTC.</p>
</footer>
</main>
</body>
</html>
`)
	return w.String()
}

func (p Page) title() markup {
	if p.Name == "" {
		return "Rotations on " + esc(p.Host)
	}
	return "Rotations of " + esc(p.Name) + " on " + esc(p.Host)
}

func (p Page) head(w *writer) {
	what := markup("All keys")
	if p.Name != "" {
		what = esc(p.Name)
	}
	w.add(`<header>`, element("p", "kind", "Rotation evidence"), element("h1", "", what), `<dl class="facts">`)
	for _, f := range [][2]markup{
		{"Host", esc(p.Host)}, {"Written", clock(p.At)}, {"livekey", esc(p.Version)}, {"Rotations", p.count()},
	} {
		w.add("<div>", element("dt", "", f[0]), element("dd", "", f[1]), "</div>")
	}
	w.add("</dl></header>\n")
}

// count is how many there are of each state.
func (p Page) count() markup {
	texts := []string{fmt.Sprint(len(p.Rotations))}
	for _, state := range []trail.State{trail.Ended, trail.Running, trail.GoneBack} {
		n := 0
		for _, r := range p.Rotations {
			if r.State == state {
				n++
			}
		}
		if n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return esc(strings.Join(texts, " · "))
}

var stateClasses = map[trail.State]markup{trail.Ended: "good", trail.Running: "open", trail.GoneBack: "bad"}

func (p Page) rotation(w *writer, r report.Rotation) {
	title := "Rotation " + esc(fmt.Sprint(r.Number))
	if p.Name == "" {
		title = esc(r.Key) + " " + element("span", "number", "rotation ", esc(fmt.Sprint(r.Number)))
	}
	w.add("<article>\n<header>", element("h2", "", title),
		element("p", "state "+stateClasses[r.State], esc(r.State)), "</header>\n")
	w.add(`<p class="versions">`, version(r.From), `<span class="to" aria-label="to"> → </span>`, version(r.To), "</p>\n")
	w.add(element("p", "verdict", verdict(r)), "\n")
	w.add(timeline(r, p.At), "\n")
	scope(w, r)
	steps(w, r)
	w.add("</article>\n")
}

func version(v report.Version) markup {
	if string(v.Version) == v.Fingerprint { // a file has no versions of its own
		return element("span", "version", element("b", "", esc(v.Version)))
	}
	return element("span", "version", element("b", "", esc(v.Version)), " ", element("code", "", esc(v.Fingerprint)))
}

// verdict is what the evidence amounts to, in a sentence.
func verdict(r report.Rotation) markup {
	old := "Version " + element("b", "", esc(r.From.Version))
	refused, known := first(r, trail.Refused)
	unwatched, lost := first(r, trail.Unwatched)
	switch {
	case r.State == trail.GoneBack:
		return old + " was delivered again at " + clock(r.EndedAt) + ", " + span(r.BeganAt, r.EndedAt) + " after it had been replaced."
	case r.State == trail.Ended && known:
		return old + " is refused by its issuer since " + clock(refused.At) + "; a second refusal at " + clock(r.EndedAt) + " confirmed it."
	case r.State == trail.Ended:
		return old + " is refused by its issuer, confirmed at " + clock(r.EndedAt) + "."
	case known:
		return old + " is refused by its issuer since " + clock(refused.At) + "; that is not yet confirmed by a second refusal an hour or more later."
	case lost:
		return "Whether the issuer still accepts version " + element("b", "", esc(r.From.Version)) + " is not known: " + esc(unwatched.Detail) + "."
	default:
		return old + " is not known to be refused by its issuer: it may still be in use, and still be accepted."
	}
}

func first(r report.Rotation, what trail.What) (trail.Step, bool) {
	i := slices.IndexFunc(r.Steps, func(s trail.Step) bool { return s.What == what })
	if i < 0 {
		return trail.Step{}, false
	}
	return r.Steps[i], true
}

func span(from, to time.Time) markup { return esc(Span(to.Sub(from))) }

// scope is what is known of every declared consumer, and of others who were seen.
func scope(w *writer, r report.Rotation) {
	consumers := slices.Clone(r.Scope)
	for _, s := range r.Steps {
		if c := key.Consumer(s.Where); ofConsumer[s.What] && !slices.Contains(consumers, c) {
			consumers = append(consumers, c)
		}
	}
	if len(consumers) == 0 {
		w.add(element("p", "note", "No consumers are declared for this key, and none was seen."), "\n")
		return
	}
	w.add(`<div class="wide"><table class="scope"><thead><tr><th>Consumer</th><th>New version</th><th>Last seen with the old one</th></tr></thead><tbody>`, "\n")
	for _, c := range consumers {
		name := element("code", "", esc(c))
		if !slices.Contains(r.Scope, c) {
			name += " " + element("span", "faint", "not declared")
		}
		adopted, held := element("span", "faint", "not witnessed"), markup("")
		for _, s := range r.Steps {
			switch {
			case s.Where != string(c):
			case s.What == trail.Adopted:
				adopted = clock(s.At) + " " + element("span", "faint", esc(s.Detail))
			case s.What == trail.Held:
				held = clock(s.At)
			}
		}
		w.add("<tr>", element("td", "", name), element("td", "with-new", adopted), element("td", "with-old", held), "</tr>\n")
	}
	w.add("</tbody></table></div>\n")
}

// ofConsumer are the steps whose place is a consumer.
var ofConsumer = map[trail.What]bool{trail.Adopted: true, trail.Held: true, trail.Reported: true, trail.Failed: true}

// texts say what a step means.
var texts = map[trail.What]markup{
	trail.Seen: "seen in its source", trail.Proved: "proved by its issuer", trail.Delivered: "delivered",
	trail.Reloaded: "consumers told", trail.Failed: "did not come back", trail.Reverted: "old version delivered again",
	trail.Adopted: "adopted", trail.Held: "old version last seen", trail.Reported: "reported a refusal",
	trail.Refused: "old version refused", trail.RevokeDone: "old version revoked", trail.Complete: "refusal confirmed",
	trail.Unwatched: "no longer watched",
}

var stepClasses = map[trail.What]markup{
	trail.Proved: "good", trail.Adopted: "good", trail.Complete: "good", trail.Refused: "good", trail.RevokeDone: "good",
	trail.Failed: "bad", trail.Reverted: "bad", trail.Held: "warn", trail.Reported: "warn", trail.Unwatched: "warn",
}

func steps(w *writer, r report.Rotation) {
	w.add(`<div class="wide"><table class="steps"><thead><tr><th>Time (UTC)</th><th class="num">After</th><th>What</th><th>Where</th><th>Evidence</th></tr></thead><tbody>`, "\n")
	for _, s := range r.Steps {
		text, known := texts[s.What]
		if !known {
			text = esc(s.What)
		}
		w.add("<tr>", element("td", "when", clock(s.At)), element("td", "num", after(r.BeganAt, s.At)),
			element("td", stepClasses[s.What], text), element("td", "", code(s.Where)), element("td", "", esc(s.Detail)), "</tr>\n")
	}
	w.add("</tbody></table></div>\n")
}

func code(text string) markup {
	if text == "" {
		return ""
	}
	return element("code", "", esc(text))
}

// after is how long after the first delivery something happened.
func after(began, at time.Time) markup {
	d := at.Sub(began)
	if d <= -time.Second {
		return "−" + esc(Span(-d))
	}
	d = max(d, 0) // within the second before it: at once
	return "+" + esc(Span(d))
}
