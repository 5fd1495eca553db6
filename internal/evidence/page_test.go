package evidence

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func at(after time.Duration, what trail.What, where, detail string) trail.Step {
	return trail.Step{At: noon.Add(after), What: what, Where: where, Detail: detail}
}

// complete is a rotation with every kind of step.
func complete() report.Rotation {
	return report.Rotation{
		Key: "ANTHROPIC_API_KEY", Number: 3, State: trail.Ended, BeganAt: noon, EndedAt: noon.Add(27 * time.Hour),
		From:  report.Version{Version: "11", Fingerprint: "b6aecd071307"},
		To:    report.Version{Version: "12", Fingerprint: "15ac7e302ab4"},
		Scope: []key.Consumer{"unit:app.service", "pod:shop/api-7c9f5d8b6-x2x8q", "host:web-2"},
		Steps: []trail.Step{
			at(-2*time.Second, trail.Seen, "", ""),
			at(-time.Second, trail.Proved, "", "live/valid, request req_011CR8k3q2"),
			at(0, trail.Delivered, "app", ""),
			at(40*time.Millisecond, trail.Delivered, "files", ""),
			at(5*time.Second, trail.Reloaded, "app", "systemd try-restart app.service"),
			at(7*time.Second, trail.Adopted, "unit:app.service", "seen by a scan"),
			at(90*time.Second, trail.Adopted, "pod:shop/api-7c9f5d8b6-x2x8q", "said so itself"),
			at(2*time.Minute, trail.Failed, "unit:worker.service", "failed with result exit-code"),
			at(3*time.Minute, trail.Reported, "unit:worker.service", "401 authentication_error"),
			at(16*time.Minute, trail.Held, "process:ada/tmux", "pid 4711"),
			at(20*time.Minute, trail.Adopted, "host:web-2", "another livekey says so"),
			at(25*time.Hour, trail.RevokeDone, "", "set inactive through the Admin API"),
			at(25*time.Hour+time.Minute, trail.Refused, "", "dead/invalid, request req_011CR8k3q9"),
			at(27*time.Hour, trail.Complete, "", "refused again, an hour or more after the first time"),
		},
	}
}

func page(all ...report.Rotation) Page {
	return Page{Name: "ANTHROPIC_API_KEY", Rotations: all, Host: "web-1", Version: "1.2.3", At: noon.Add(48 * time.Hour)}
}

func TestTheReportTellsWhatItMust(t *testing.T) {
	html := page(complete()).HTML()
	for _, want := range []string{
		"ANTHROPIC_API_KEY", "web-1", "1.2.3", "2026-05-06 12:00:00", "b6aecd071307", "15ac7e302ab4", "complete", "Rotation 3",
		"req_011CR8k3q2", "unit:app.service", "process:ada/tmux", "not declared", "said so itself", "1 complete",
		"is refused by its issuer since", "proves nothing", "<svg",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("no word of %q", want)
		}
	}
	for what, text := range texts {
		if seen := strings.Contains(html, string(text)); !seen && what != trail.Reverted && what != trail.Unwatched {
			t.Errorf("step %s is not shown as %q", what, text)
		}
	}
}

// A page that loads something tells somebody that it was opened.
func TestTheReportNeedsNothingElse(t *testing.T) {
	html := page(complete()).HTML()
	if found := regexp.MustCompile(`(?i)https?:|//|url\(|@import|<script|<link|<img|<iframe| on[a-z]+=| style=| src=| href=`).FindString(html); found != "" {
		t.Errorf("found %q", found)
	}
	if !strings.Contains(html, `default-src 'none'; style-src 'sha256-`) {
		t.Error("no policy that refuses everything else")
	}
}

// hostile is what a consumer, a backend or an issuer could make a name of.
const hostile = `"><script>alert('x')</script><!-- & ` + "\x1b[2J\u202e"

func TestNoTextBecomesMarkup(t *testing.T) {
	r := complete()
	r.Key, r.State, r.From.Version, r.To.Fingerprint = hostile, hostile, hostile, hostile
	r.Scope = []key.Consumer{hostile, "unit:b"}
	for i := range r.Steps {
		r.Steps[i].Where, r.Steps[i].Detail = hostile, hostile
		if i%3 == 0 {
			r.Steps[i].What = hostile
		}
	}
	p := page(r)
	p.Name, p.Host, p.Version = hostile, hostile, hostile
	html := p.HTML()
	for _, bad := range []string{"<script", "<!-- ", "\x1b", "\u202e", `""`} {
		if strings.Contains(html, bad) {
			t.Errorf("found %q", bad)
		}
	}
	wellFormed(t, html)
}

// wellFormed holds that every element ends where it should.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.Replace(html, "<!doctype html>", "", 1)))
	d.Strict, d.AutoClose = false, []string{"meta"}
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> while %v are open", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%v are never closed", open)
	}
}

func TestTheVerdictIsNoMoreThanTheEvidence(t *testing.T) {
	running := complete()
	running.State, running.EndedAt = trail.Running, time.Time{}
	for _, c := range []struct {
		rule  string
		steps int // of complete's
		add   trail.Step
		state trail.State
		says  string
	}{
		{"nothing is known of the old version", 11, trail.Step{}, trail.Running, "is not known to be refused"},
		{"one refusal is not the end", 13, trail.Step{}, trail.Running, "not yet confirmed"},
		{"what nobody can ask about is not known", 11, at(time.Hour, trail.Unwatched, "", "no sink and no source has it"), trail.Running, "is not known: no sink and no source has it"},
		{"a way back is one", 11, at(time.Hour, trail.Reverted, "", ""), trail.GoneBack, "was delivered again"},
		{"a confirmed refusal is the end", 14, trail.Step{}, trail.Ended, "confirmed it"},
	} {
		r := running
		r.Steps = complete().Steps[:c.steps]
		if c.add.What != "" {
			r.Steps = append(slices.Clip(r.Steps), c.add)
		}
		if r.State = c.state; c.state != trail.Running {
			r.EndedAt = r.Steps[len(r.Steps)-1].At
		}
		html := page(r).HTML()
		wellFormed(t, html)
		if !strings.Contains(html, c.says) {
			t.Errorf("%s: no word of %q", c.rule, c.says)
		}
	}
}

// Nothing of the drawing is outside of it, whatever the times are.
func TestTheDrawingStaysInItsFrame(t *testing.T) {
	crowd := complete()
	for i := range 40 {
		crowd.Steps = append(crowd.Steps, at(time.Duration(i)*time.Minute, trail.Held, fmt.Sprintf("container:%040d", i), ""))
	}
	moment := complete()
	moment.EndedAt = noon
	for i := range moment.Steps {
		moment.Steps[i].At = noon
	}
	future := complete()
	future.Steps[5].At = noon.Add(90 * 24 * time.Hour)
	for _, r := range []report.Rotation{complete(), crowd, moment, future, {}} {
		html := page(r).HTML()
		for _, m := range regexp.MustCompile(` c?x[12]?="([^"]*)%"`).FindAllStringSubmatch(html, -1) {
			var x float64
			if _, err := fmt.Sscan(m[1], &x); err != nil || x < inset || x > 100-inset {
				t.Errorf("%s of %s", m[0], r.Key)
			}
		}
	}
	if html := page(crowd).HTML(); !strings.Contains(html, "more consumers are in the table") {
		t.Error("a crowd is drawn whole")
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 900 * time.Millisecond: "0s", 59 * time.Second: "59s", time.Minute: "1m 0s", 61*time.Minute + time.Second: "1h 1m",
		51 * time.Hour: "2d 3h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestWhatTookNoTimeWasAtOnce(t *testing.T) {
	began := time.Unix(1000, 0)
	for d, want := range map[time.Duration]markup{
		-time.Minute: "−1m 0s", -900 * time.Millisecond: "+0s", 0: "+0s", 90 * time.Second: "+1m 30s",
	} {
		if got := after(began, began.Add(d)); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
