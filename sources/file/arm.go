package file

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// maxRounds ends arm where somebody keeps changing directories: it goes on
// after the next event.
const maxRounds = 10

// arm watches the directories on the way to every file, and no others. What
// happened in one before it was watched is found by looking again.
func (w *watch) arm() error {
	for range maxRounds {
		if !w.stale {
			return nil
		}
		w.stale = false
		unseen, err := w.follow()
		if err != nil {
			return err
		}
		for _, f := range unseen {
			w.look(f, again)
		}
	}
	return nil
}

// follow brings byName and armed up to the files' ways. It returns the files
// with a directory on their way that was not watched until now.
func (w *watch) follow() (unseen []*watched, err error) {
	needed := make(map[string]bool)
	w.byName = make(map[string][]*watched)
	for _, f := range w.files {
		added := false
		for _, step := range f.last.way {
			needed[step.dir] = true
			w.byName[step.at] = append(w.byName[step.at], f)
			more, err := w.add(step)
			if err != nil {
				return nil, err
			}
			added = added || more
		}
		if added {
			unseen = append(unseen, f)
		}
	}
	for dir := range w.armed {
		if !needed[dir] {
			w.remove(dir)
		}
	}
	return unseen, nil
}

// add watches the directory of step, unless it does already.
func (w *watch) add(step step) (added bool, err error) {
	if armed, ok := w.armed[step.dir]; ok {
		if armed == step.id {
			return false, nil
		}
		w.remove(step.dir) // that watch is on a directory that was moved away
	}
	err = w.inotify.Add(step.dir)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return true, nil // gone since the look: look again
	case errors.Is(err, fs.ErrPermission):
		if w.source.warns(step.dir) {
			w.source.log.Warn("directory cannot be watched: changes are seen at the next refresh", "path", step.dir, "err", err)
		}
	default:
		return false, fmt.Errorf("watch directory %s: %w: see fs.inotify.max_user_watches", step.dir, err)
	}
	w.armed[step.dir] = step.id
	return true, nil
}

// remove stops watching dir, as far as the kernel has not done so itself.
func (w *watch) remove(dir string) {
	_ = w.inotify.Remove(dir)
	delete(w.armed, dir)
}
