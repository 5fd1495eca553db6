// Package peers asks other livekeys how they are, by a program that prints the JSON of
// their status: ssh for the most part. No port is opened for it, and who may ask is what
// the other machine says.
package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/report"
)

const (
	timeout = 10 * time.Second

	// maxStatus is what a peer may print, in bytes: a status of 5,000 keys has about 5 MB.
	maxStatus = 16 << 20
)

// Peer is one other livekey. Safe for concurrent use.
type Peer struct {
	name    string
	command command.Command
}

// New makes the peer that the program asks. It runs nothing.
func New(name string, program []string) *Peer {
	return &Peer{name, command.Command{Argv: program, Timeout: timeout, Limit: maxStatus}}
}

// Status runs the program. `livekey status` ends with what it thinks of its keys, so any
// exit code will do, if the answer is one. No error quotes the answer.
func (p *Peer) Status(ctx context.Context) (report.Status, error) {
	got, err := p.command.Run(ctx, nil)
	if err != nil {
		return report.Status{}, fmt.Errorf("ask peer %s: %w", p.name, err)
	}
	s, err := decode(got.Output.Reveal())
	switch {
	case err == nil:
		return s, nil
	case got.Exit != 0:
		return s, fmt.Errorf("ask peer %s: %w", p.name, got.Failure())
	default:
		return s, fmt.Errorf("ask peer %s: %w", p.name, err)
	}
}

var errNoStatus = errors.New("what the program printed is no JSON of `livekey status --output json` from a livekey that runs")

// decode reads one status. Fields that a newer livekey adds are passed over. Only one that
// runs tells its epoch: what a journal remembers is no answer.
func decode(b []byte) (report.Status, error) {
	var s report.Status
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&s); err != nil || s.Keys == nil || s.Epoch == "" {
		return report.Status{}, errNoStatus
	}
	if rest := bytes.TrimSpace(b[d.InputOffset():]); len(rest) > 0 {
		return report.Status{}, errNoStatus
	}
	return s, nil
}
