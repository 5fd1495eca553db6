package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

// Write flips the directory to a new generation, unless it is already as it
// should be. Its error is nil whenever consumers see the new files. ctx cuts
// only the wait for readers of the old ones short.
func (s *Sink) Write(ctx context.Context, entries []sinks.Entry) (changed bool, err error) {
	return place.Write(ctx, s.env.Name, entries, s.Carries, func(delivery place.Delivery) (bool, error) { return s.deliver(ctx, delivery) })
}

func (s *Sink) deliver(ctx context.Context, delivery place.Delivery) (changed bool, err error) {
	d, a, err := s.Open(s.Location, true)
	if err != nil {
		return false, err
	}
	defer func() { _ = d.Close() }() // nothing was written through it
	p, err := s.look(d)
	if err != nil {
		return false, err
	}
	if err := s.own(p); err != nil {
		if !s.Adopt {
			return false, err
		}
		if err := s.adoptable(p, delivery); err != nil {
			return false, err
		}
		if err := keep(d, p.plain); err != nil {
			return false, err
		}
	}
	if !p.marked {
		if err := d.Write(Marker, []byte(markerText), a, nil); err != nil && !errors.Is(err, atomicfile.ErrInDoubt) {
			return false, err
		}
	}
	files := bytesOf(delivery)
	settled, err := s.settled(d, files, a)
	if err != nil {
		return false, err
	}
	if !settled {
		if err := s.replace(d, files, a); err != nil {
			return false, err
		}
		if p.generation.Name != "" {
			wait(ctx, readerGrace)
		}
		if err := d.SweepGenerations(); err != nil { // again at the next Write or start
			s.env.Log.WarnContext(ctx, "old generation not removed", "sink", s.env.Name, "err", err)
		}
	}
	if s.Adopt && delivery.Proved {
		for name := range files {
			if err := d.Remove(place.Backup(name)); err != nil {
				s.env.Log.WarnContext(ctx, "adopted content not removed", "sink", s.env.Name, "err", err)
			}
		}
	}
	return !settled, nil
}

// settled says whether the directory holds exactly files, and links to them.
func (s *Sink) settled(d *atomicfile.Dir, files map[string][]byte, a atomicfile.Attr) (bool, error) {
	g, err := d.Generation()
	if err != nil || !g.Same(files, a) {
		return false, nil // whatever is wrong with it, a new generation mends it
	}
	for name := range files {
		if linked, err := d.Linked(name); err != nil || !linked {
			return false, err
		}
	}
	stale, err := d.StaleLinks(files)
	return len(stale) == 0, err
}

// replace flips and then believes only what it reads: an error after the flip
// does not mean that nothing changed, nor its absence that all went well.
func (s *Sink) replace(d *atomicfile.Dir, files map[string][]byte, a atomicfile.Attr) error {
	err := d.Flip(files, a)
	if errors.Is(err, atomicfile.ErrInDoubt) {
		// A second generation, since a failed sync proves nothing when it is repeated.
		err = s.flipAgain(files, a)
	}
	var settled bool
	var readErr error
	for range place.Readings {
		if settled, readErr = s.settled(d, files, a); readErr == nil && settled {
			break
		}
	}
	switch {
	case readErr != nil:
		return errors.Join(err, readErr)
	case !settled && err != nil:
		return err
	case !settled:
		return fmt.Errorf("read back %s: other files than were written", s.Location)
	case err != nil:
		s.env.Log.Warn("sink written, may not survive a power cut", "sink", s.env.Name, "err", err)
	}
	return nil
}

func (s *Sink) flipAgain(files map[string][]byte, a atomicfile.Attr) error {
	d, _, err := s.Open(s.Location, false)
	if err != nil {
		return err
	}
	return errors.Join(d.Flip(files, a), d.Close())
}

// keep copies the files of somebody else that are about to become links.
func keep(d *atomicfile.Dir, plain map[string]atomicfile.File) error {
	for name, file := range plain {
		if err := d.Write(place.Backup(name), file.Data, atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}, nil); err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
