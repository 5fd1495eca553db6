package kubernetes

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/schedule"
)

const (
	retryFirst = time.Second
	retryLimit = 30 * time.Second

	// brief is a watch that ended so soon that to begin the next at once would be a loop.
	brief = time.Second
)

// Watch tells of every Secret at locs that is there once when it begins to watch it, and then
// of each change, also of one that leaves the entries as they are. Each has a watch of its
// own: what livekey may not watch, or what cannot be reached, is logged, tried again, and
// holds nothing else up.
func (s *Source) Watch(ctx context.Context, locs []key.Location, changed func(key.Location)) error {
	var all sync.WaitGroup
	var one sync.Mutex // changed is called by one at a time
	for _, loc := range locs {
		all.Go(func() {
			s.follow(ctx, loc, func() {
				one.Lock()
				defer one.Unlock()
				changed(loc)
			})
		})
	}
	all.Wait()
	return nil
}

// follow watches one Secret until ctx ends.
func (s *Source) follow(ctx context.Context, loc key.Location, changed func()) {
	version, failures := "", 0
	for ctx.Err() == nil {
		began := time.Now()
		err := s.watch(ctx, loc, version, func(e kube.Event) {
			version = e.Metadata.ResourceVersion
			if failures > 0 {
				s.env.Log.InfoContext(ctx, "secret watched again", "location", loc.String())
			}
			failures = 0
			if e.Type != kube.Bookmark {
				changed()
			}
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, kube.ErrGone):
			version = ""
			changed() // what happened since may have been its end, of which no watch tells
		case err == nil && time.Since(began) >= brief: // the server ends every watch after a while
			continue
		}
		if failures == 0 && err != nil && !errors.Is(err, kube.ErrGone) {
			s.env.Log.WarnContext(ctx, "secret not watched, polled only", "location", loc.String(), "err", err)
		}
		wait := schedule.Backoff(failures, retryFirst, retryLimit, rand.Float64()) // #nosec G404 -- spreads load
		failures++
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (s *Source) watch(ctx context.Context, loc key.Location, version string, happened func(kube.Event)) error {
	path, err := s.path(loc)
	if err != nil {
		return err
	}
	return s.client.Watch(ctx, path, version, func(e kube.Event) error {
		happened(e)
		return nil
	})
}
