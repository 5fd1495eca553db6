package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/ui"
)

// progressEvery is how often the line of a progress changes, and how long nothing is shown.
const progressEvery = 100 * time.Millisecond

// progress is a line on a terminal that counts what is done, and goes away at the end.
// Where nobody watches, it is nothing.
type progress struct {
	on    bool
	to    ui.Printer
	what  string
	total int

	mu    sync.Mutex
	done  int
	shown time.Time
	first *time.Timer // shows the line even if the first answer is slow
}

// progress counts to total: "proving 100 keys: 37 done".
func (a *app) progress(what string, total int) *progress {
	return newProgress(a.err, ui.IsTerminal(a.err.Out), what, total)
}

func newProgress(to ui.Printer, on bool, what string, total int) *progress {
	p := &progress{on: on, to: to, what: what, total: total}
	p.first = time.AfterFunc(progressEvery, func() { p.add(0) })
	return p
}

// one says that one more is done.
func (p *progress) one() { p.add(1) }

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); p.on && now.Sub(p.shown) >= progressEvery {
		p.shown = now
		p.write(fmt.Sprintf("%s %s: %d done", p.what, counted(p.total, "key"), p.done))
	}
}

// end takes the line away, for good.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first.Stop()
	p.on = false
	if !p.shown.IsZero() {
		p.write("")
	}
}

// write replaces the line by text, which stays within its width.
func (p *progress) write(text string) {
	_, _ = fmt.Fprintf(p.to.Out, "\r\x1b[K%.*s", max(p.to.Width-1, 0), text)
}
