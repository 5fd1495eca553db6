// Package drill plays a rotation and its accidents against livekey itself: the
// running binary, started as a daemon against an issuer and a folder of files
// that the drill controls. It needs no network, no config and no root.
//
// It judges only by what a user could see: the sinks, as an app reads them; the
// JSON and exit codes of the commands; the webhooks. Every step makes claims about
// promises, and the table at the end is their sum.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/ui"
)

// Options of one drill.
type Options struct {
	// Binary is the livekey to play against; empty means the running executable.
	Binary string
	// Out gets the steps as they happen and the table, or one JSON document at the end.
	Out io.Writer
	// JSON prints a Report instead of text.
	JSON bool
	// Color is for a terminal.
	Color bool
	// Keep leaves the drill's folder in place and tells where it is.
	Keep bool
	// Again are the arguments with which livekey plays this drill with Apart set; nil: it
	// is played where it is.
	Again []string
	// Apart says that this is the first process of a PID namespace of its own.
	Apart bool

	patience time.Duration // of a scene, where a test has less
}

// ErrNotKept says that the drill ran and saw a promise broken. Any other error
// says that it could not run.
var ErrNotKept = errors.New("drill: a promise was not kept")

// EndedError is how a drill ended that was played apart; it has said everything itself.
type EndedError struct{ Exit int }

func (e *EndedError) Error() string { return fmt.Sprintf("drill: exit %d", e.Exit) }

// Report is what a drill saw, as --output json prints it.
type Report struct {
	Kept     bool      `json:"kept"`
	Seconds  float64   `json:"seconds"`
	Steps    []Step    `json:"steps"`
	Promises []Promise `json:"promises"`
	Dir      string    `json:"dir,omitempty"` // with Keep
}

// Step is one accident and what was seen.
type Step struct {
	Name    string  `json:"name"`
	Kept    bool    `json:"kept"`
	Seconds float64 `json:"seconds"`
	Claims  []Claim `json:"claims"`
}

// Claim is one thing that was seen.
type Claim struct {
	Promise string `json:"promise"`
	Kept    bool   `json:"kept"`
	Said    string `json:"said"`
}

// Promise is the sum of all claims about it.
type Promise struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Result string `json:"result"` // kept, broken, unseen
	Seen   int    `json:"seen"`   // claims
	Broken string `json:"broken,omitempty"`
}

// Results of a promise.
const (
	kept   = "kept"
	broken = "broken"
	unseen = "unseen" // the story ended before
)

var titles = []struct{ id, title string }{
	{"P1", "only proved keys"},
	{"P2", "never worse"},
	{"P3", "unknown is not dead"},
	{"P4", "no silent death"},
	{"P5", "old keys are watched"},
	{"P6", "all or nothing"},
	{"P7", "no value escapes"},
	{"P8", "isolation"},
	{"P9", "restart converges"},
	{"P10", "cheap by default"},
}

// Run plays the drill. It returns an error that wraps ErrNotKept if a promise was
// not kept. When ctx ends it stops the daemon, removes its folder and returns.
func Run(ctx context.Context, o Options) (err error) {
	if o.Apart {
		if err := settle(); err != nil {
			return err
		}
	} else if o.Again != nil {
		if played, err := apart(ctx, o); played {
			return err
		}
	}
	began := time.Now()
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(o.Keep)) }()

	p := printer{ui: ui.Printer{Out: o.Out, Color: o.Color}, json: o.JSON}
	p.start(w.dir)
	r := Report{}
	if o.Keep {
		r.Dir = w.dir
	}
	failed := false
	for _, s := range story {
		if failed && !s.judgment {
			continue // it builds on the one that failed
		}
		p.begin(s.name)
		done, err := play(ctx, w, s)
		if err != nil {
			return fmt.Errorf("drill: %s: %w", s.name, err)
		}
		r.Steps = append(r.Steps, done)
		p.step(done)
		failed = failed || !done.Kept
	}
	r.Promises = sum(r.Steps)
	r.Kept = !slices.ContainsFunc(r.Promises, func(p Promise) bool { return p.Result != kept })
	r.Seconds = time.Since(began).Seconds()
	if err := p.end(r); err != nil {
		return err
	}
	if !r.Kept {
		return ErrNotKept
	}
	return nil
}

// play runs one scene. It is kept if it saw something and every claim is.
func play(ctx context.Context, w *world, s scene) (Step, error) {
	began := time.Now()
	claims, err := s.play(ctx, w)
	if err != nil {
		return Step{}, err
	}
	step := Step{Name: s.name, Kept: allKept(claims), Seconds: time.Since(began).Seconds()}
	for _, c := range claims {
		step.Claims = append(step.Claims, Claim{c.promise, c.kept, c.said})
	}
	return step, nil
}

// sum makes the table: a promise is kept if it was seen and no claim about it is broken.
func sum(steps []Step) []Promise {
	var table []Promise
	for _, t := range titles {
		p := Promise{ID: t.id, Title: t.title, Result: unseen}
		for _, s := range steps {
			for _, c := range s.Claims {
				if c.Promise != p.ID {
					continue
				}
				p.Seen++
				switch {
				case !c.Kept && p.Result != broken:
					p.Result, p.Broken = broken, s.Name+": "+c.Said
				case p.Result == unseen:
					p.Result = kept
				}
			}
		}
		table = append(table, p)
	}
	return table
}
