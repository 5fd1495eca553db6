package journal

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// change applies update to the state and, if that changed r or an earlier write
// of r failed, appends the record. It returns the number under which r can be
// synced.
func (j *Journal) change(r ref, update func() (changed bool)) (uint64, error) {
	j.mu.Lock()
	n, err := j.changeLocked(r, update)
	j.mu.Unlock()
	if err == nil {
		j.compactIfLarge()
	}
	return n, err
}

func (j *Journal) changeLocked(r ref, update func() bool) (uint64, error) {
	if err := j.writable(); err != nil {
		return 0, err
	}
	if update() {
		j.backlog[r] = struct{}{}
	}
	if _, owed := j.backlog[r]; !owed {
		return j.appended, nil
	}
	return j.flush()
}

// flush writes the backlog. The caller holds mu.
func (j *Journal) flush() (uint64, error) {
	if len(j.backlog) == 0 {
		return j.appended, nil
	}
	var lines []byte
	if j.torn {
		lines = append(lines, '\n') // a torn line stays alone
	}
	for _, r := range slices.SortedFunc(maps.Keys(j.backlog), compareRefs) {
		lines = append(lines, j.state.line(r)...)
	}
	n, err := j.f.Write(lines)
	if err != nil {
		if n > 0 {
			if cut := j.f.Truncate(j.size); cut != nil {
				j.size, j.torn = j.size+int64(n), true
			}
		}
		return 0, fmt.Errorf("append to journal %s, kept in memory: %w", j.path, err)
	}
	j.size, j.torn = j.size+int64(n), false
	clear(j.backlog)
	j.appended++
	return j.appended, nil
}

func compareRefs(a, b ref) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
}

// writable says why nothing can be written. The caller holds mu.
func (j *Journal) writable() error {
	switch {
	case j.closed:
		return fmt.Errorf("write journal %s: %w", j.path, os.ErrClosed)
	case j.f == nil:
		return fmt.Errorf("write journal %s: %w", j.path, ErrReadOnly)
	}
	return nil
}

// Sync brings everything that was written so far to the disk.
func (j *Journal) Sync() error {
	j.mu.Lock()
	err := j.writable()
	var n uint64
	if err == nil {
		n, err = j.flush()
	}
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.syncTo(n)
}

// syncTo returns when append n is on disk. Callers that wait for each other share one sync.
func (j *Journal) syncTo(n uint64) error {
	j.replacing.Lock()
	defer j.replacing.Unlock()
	j.mu.Lock()
	f, upTo, suspect, done := j.f, j.appended, j.suspect, j.synced >= n
	err := j.writable()
	j.mu.Unlock()
	switch {
	case err != nil:
		return err
	case done:
		return nil
	case suspect:
		return j.replaceLocked() // syncs what it writes
	}
	if err := f.Sync(); err != nil {
		// The kernel may have dropped the pages and call the next sync a success:
		// only a new file is to be trusted.
		j.mu.Lock()
		j.suspect = true
		j.mu.Unlock()
		return fmt.Errorf("sync journal %s: %w", j.path, err)
	}
	j.mu.Lock()
	j.synced = upTo
	j.mu.Unlock()
	return nil
}

// compactIfLarge replaces a file that has grown past what is live.
func (j *Journal) compactIfLarge() {
	j.mu.Lock()
	tooLarge := j.f != nil && j.size > j.compactAt && j.size > max(compactMin, compactFactor*j.state.live)
	j.mu.Unlock()
	if !tooLarge {
		return
	}
	if err := j.replace(); err != nil {
		j.log.Warn("journal not compacted", "path", j.path, "err", err)
	}
}

func (j *Journal) replace() error {
	j.replacing.Lock()
	defer j.replacing.Unlock()
	return j.replaceLocked()
}

// replaceLocked writes a snapshot beside the journal and renames it over it. The
// snapshot's descriptor becomes the journal's, so no moment is without one. The
// caller holds replacing.
func (j *Journal) replaceLocked() (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer func() {
		if err != nil {
			j.compactAt = j.size + compactMin // not at every record
		}
	}()
	tmp := j.path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("create journal snapshot: %w", err)
	}
	size, err := j.snapshotTo(f)
	if err == nil {
		err = os.Rename(tmp, j.path)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(tmp)
		return fmt.Errorf("write journal snapshot: %w", err)
	}
	if j.f != nil {
		_ = j.f.Close() // its content is in the snapshot
	}
	j.f, j.size, j.compactAt, j.torn = f, size, 0, false
	clear(j.backlog)
	j.appended++
	j.suspect = true
	if err := syncDir(filepath.Dir(j.path)); err != nil {
		return err // the rename may not last: still suspect
	}
	j.suspect, j.synced = false, j.appended
	return nil
}

// snapshotTo writes and syncs a snapshot, and returns its size.
func (j *Journal) snapshotTo(f *os.File) (int64, error) {
	if err := f.Chmod(0o600); err != nil { // left by a crash, or made under a strange umask
		return 0, err
	}
	w := bufio.NewWriter(f)
	if err := j.state.writeTo(w); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync state_dir: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync state_dir: %w", err)
	}
	return nil
}

// Close syncs and closes the journal. What was read stays readable.
func (j *Journal) Close() error {
	j.mu.Lock()
	done := j.closed || j.f == nil
	j.mu.Unlock()
	if done {
		return nil
	}
	err := j.Sync()
	j.replacing.Lock()
	defer j.replacing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if cerr := j.f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close journal %s: %w", j.path, cerr)
	}
	return err
}
