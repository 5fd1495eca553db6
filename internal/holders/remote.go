package holders

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"
)

// ServiceSocket is where livekey-holders.service answers.
const ServiceSocket = "/run/livekey-holders/holders.sock"

// remoteLimit is how long the service may take. It works at idle priority, and on a busy
// machine waits long for its turn.
const remoteLimit = time.Minute

// Remote has a service look that may see every process. Where there is none, or it does
// not answer, another looks instead, and what that one cannot see is said.
type Remote struct {
	Socket  string
	Instead Looker // sees less
	Files   Looker // of what the service does not see; nil: nothing
	Hint    string // how to start the service; empty: not for this livekey
}

// Look never fails where Instead does not.
func (r Remote) Look(ctx context.Context, w Wanted) (Scan, error) {
	scan, err := r.ask(ctx, w)
	if err == nil && r.Files != nil {
		return r.with(ctx, scan, w), nil
	}
	if err == nil || ctx.Err() != nil {
		return scan, err
	}
	scan, errLocal := r.Instead.Look(ctx, w)
	if errLocal != nil {
		return scan, errLocal
	}
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		scan.Unseen = append(scan.Unseen, fmt.Sprintf("all that livekey-holders.service could see: %v", err))
	case r.Hint != "" && len(scan.Unseen) > 0:
		scan.Unseen = append(scan.Unseen, r.Hint)
	}
	return scan, nil
}

// with adds what Files sees.
func (r Remote) with(ctx context.Context, scan Scan, w Wanted) Scan {
	more, err := r.Files.Look(ctx, w)
	if err != nil {
		scan.Unseen = append(scan.Unseen, err.Error())
		return scan
	}
	scan.Sightings = append(scan.Sightings, more.Sightings...)
	scan.Unseen = append(scan.Unseen, more.Unseen...)
	return scan
}

// ask has the service look.
func (r Remote) ask(ctx context.Context, w Wanted) (Scan, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", r.Socket)
	if err != nil {
		return Scan{}, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	began := time.Now().UTC()
	if err := ask(conn, w); err != nil {
		return Scan{}, fmt.Errorf("ask it: %w", err)
	}
	scan, err := readAnswer(conn, w.Prints)
	switch {
	case ctx.Err() != nil:
		return Scan{}, fmt.Errorf("ask it: %w", ctx.Err())
	case err != nil:
		return Scan{}, fmt.Errorf("read its answer: %w", err)
	}
	scan.At = began  // by this clock, before it was asked
	names := users{} // the service sees no list of them
	for i := range scan.Sightings {
		if s := &scan.Sightings[i]; s.UID >= 0 {
			s.User = names.name(s.UID)
		}
	}
	return scan, nil
}
