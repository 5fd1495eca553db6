package file

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/livekey/livekey/internal/key"
)

const (
	// settleTime is how long a file that is written in place must be left alone
	// before it counts as written. A rename does not wait.
	settleTime = 50 * time.Millisecond

	// freshTime is how far the clock of a file system may lag behind: what was
	// written that shortly before a look may be written again and look the same.
	freshTime = 20 * time.Millisecond
)

// Watch tells of every file at locs once when it begins to watch, since it
// cannot know what happened before, and then of each that changes: at once when
// a name appears by rename or by the swap of a symlink on the way to it, 50 ms
// after the last event when it is written in place or disappears. changed is
// called from one goroutine and holds up the next call.
//
// It ends with an error when inotify does: no instance or watch is left, or the
// kernel fails. A directory that may not be listed is not watched, which is
// logged once, and not an end.
func (s *Source) Watch(ctx context.Context, locs []key.Location, changed func(key.Location)) error {
	inotify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("start inotify: %w: see fs.inotify.max_user_instances", err)
	}
	defer func() { _ = inotify.Close() }() // closes a descriptor; nothing was written
	w := watch{source: s, inotify: inotify, armed: make(map[string]inode), changed: changed}
	for _, loc := range locs {
		path, err := s.resolve(loc.Path)
		if err != nil {
			continue // config check and every Fetch say so
		}
		w.files = append(w.files, &watched{loc: loc, path: path})
	}
	return w.run(ctx)
}

// watch is one call of Watch.
type watch struct {
	source  *Source
	inotify *fsnotify.Watcher
	changed func(key.Location)
	files   []*watched
	byName  map[string][]*watched // by each name on a file's way
	armed   map[string]inode      // directories in inotify, and what they were then
	stale   bool                  // byName and armed are not those of the files' ways
}

// watched is one file.
type watched struct {
	loc  key.Location
	path string
	last sight // of the last look

	told  state     // of the last call of changed
	fresh bool      // told may have been written again without looking different
	due   time.Time // when to look again; zero: after the next event
}

// cause is why a file is looked at.
type cause int

const (
	timer  cause = iota // it was left alone for settleTime
	start               // the watch begins
	again               // a directory on the way was not watched until now
	edit                // something wrote, changed or removed a name
	appear              // a name is new: made in place, or moved here from where nobody watches
	rename              // a name is new and was another one before: whoever did it had finished
)

func (w *watch) run(ctx context.Context) error {
	for _, f := range w.files {
		f.last = look(f.path)
		f.told = f.last.file
	}
	w.stale = true
	if err := w.arm(); err != nil {
		return err
	}
	for _, f := range w.files {
		w.look(f, start)
	}

	alarm := time.NewTimer(0)
	defer alarm.Stop()
	renamed := false // the event before took a name away
	for {
		if err := w.arm(); err != nil {
			return err
		}
		if at := w.nextDue(); at.IsZero() {
			alarm.Stop()
		} else {
			alarm.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return nil
		case now := <-alarm.C:
			for _, f := range w.files {
				if !f.due.IsZero() && !now.Before(f.due) {
					w.look(f, timer)
				}
			}
		case event, ok := <-w.inotify.Events:
			if !ok {
				return errClosed
			}
			w.happened(event, causeOf(event, renamed))
			renamed = event.Has(fsnotify.Rename)
		case err, ok := <-w.inotify.Errors:
			switch {
			case !ok:
				return errClosed
			case !errors.Is(err, fsnotify.ErrEventOverflow):
				return fmt.Errorf("watch files: %w", err)
			}
			clear(w.armed) // the end of a watch may be among the lost events
			w.stale = true
			for _, f := range w.files {
				w.look(f, appear)
			}
		}
	}
}

var errClosed = errors.New("watch files: inotify was closed")

// causeOf tells a rename from a name made in place: where both ends are watched,
// the kernel reports the old name directly before the new one.
func causeOf(event fsnotify.Event, renamed bool) cause {
	switch {
	case !event.Has(fsnotify.Create):
		return edit
	case renamed:
		return rename
	default:
		return appear
	}
}

func (w *watch) nextDue() (next time.Time) {
	for _, f := range w.files {
		if !f.due.IsZero() && (next.IsZero() || f.due.Before(next)) {
			next = f.due
		}
	}
	return next
}

func (w *watch) happened(event fsnotify.Event, why cause) {
	if event.Has(fsnotify.Remove | fsnotify.Rename) {
		if _, ok := w.armed[event.Name]; ok { // a directory takes its watch along
			delete(w.armed, event.Name)
			w.stale = true
		}
	}
	for _, f := range w.byName[event.Name] {
		w.look(f, why)
	}
}

// look looks at f and tells of it, now or when it has settled.
func (w *watch) look(f *watched, why cause) {
	now := time.Now()
	before := f.last
	f.last = look(f.path)
	file := f.last.file
	if !slices.Equal(before.way, f.last.way) {
		w.stale = true
	}
	switch {
	case why == start:
	case file == f.told && (!f.fresh || why == again):
		f.due = time.Time{}
		return
	case !finished(why, file, now):
		f.due = now.Add(settleTime)
		return
	}
	f.due = time.Time{}
	f.told = file
	f.fresh = file.there() && now.UnixNano()-file.mtime < int64(freshTime)
	w.changed(f.loc)
}

// finished says whether whoever made file what it is has finished. A rename, also
// of a symlink or a folder on the way, finishes what it does; one who writes in
// place may go on.
func finished(why cause, file state, now time.Time) bool {
	switch {
	case why == timer:
		return true
	case why == edit || !file.there() || file.size == 0:
		return false
	case why == rename:
		return true
	default:
		// Moved here from elsewhere, unless it was written in the same instant.
		return file.ctime > file.mtime || now.UnixNano()-file.mtime > int64(settleTime)
	}
}
