// Package journal keeps what livekey must not forget over a restart in one file,
// state_dir/journal.jsonl: intents, deliveries, verdicts, stages, alerts. Names
// and fingerprints only: it imports neither secret nor proof, so no value can
// reach it.
//
// The journal is a log in which the last record of a kind and id wins. Records
// are written only for changes. When the file has grown well past what is live,
// a snapshot replaces it by rename.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"
)

// FileName is the journal's name in state_dir.
const FileName = "journal.jsonl"

// MaxRecord is the size in bytes of the largest record, as JSON.
const MaxRecord = 1 << 20

// maxName bounds kind and id together, in bytes.
const maxName = 1 << 10

// A snapshot replaces the file when it is larger than compactMin and compactFactor
// times as large as what is live.
const (
	compactMin    = 1 << 20
	compactFactor = 4
)

// Errors on which a caller branches.
var (
	ErrNewer    = errors.New("written by a newer livekey")
	ErrTooLarge = errors.New("record too large")
	ErrReadOnly = errors.New("journal opened for reading only")
)

// Kind groups records of one shape. Whoever writes a kind defines it.
type Kind string

// ref names one record.
type ref struct {
	kind Kind
	id   string
}

// Journal is an open journal. Safe for concurrent use.
type Journal struct {
	log  *slog.Logger
	path string

	// replacing is held while the file is synced or replaced, and taken before mu:
	// a sync takes milliseconds, in which records can still be read and appended.
	replacing sync.Mutex

	mu        sync.Mutex
	f         file // nil: read-only or closed
	closed    bool
	state     state
	size      int64 // of the file
	compactAt int64 // do not try to compact below this size
	torn      bool  // the file's last line has no end
	backlog   map[ref]struct{}
	appended  uint64 // counts appends
	synced    uint64 // the last append that is known to be on disk
	suspect   bool   // a sync failed: what is on disk is unknown until the file is replaced
}

// file is what the journal asks of its file.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// Open opens the journal in dir, and makes both if they are missing. A torn tail
// and damaged lines are dropped with a warning; every other record is kept. A
// journal of a newer format is refused with ErrNewer. The caller holds Lock.
func Open(dir string, log *slog.Logger) (*Journal, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	j := &Journal{log: log, path: filepath.Join(dir, FileName), backlog: map[ref]struct{}{}}
	f, err := openRegular(j.path, os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) {
		j.state = newState()
		return j, j.replace()
	}
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j.f = f
	err = f.Chmod(0o600)
	if err == nil {
		err = j.recover(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// OpenReadOnly opens an existing journal and changes nothing, for a look at what
// a daemon that does not run has left.
func OpenReadOnly(dir string, log *slog.Logger) (*Journal, error) {
	j := &Journal{log: log, path: filepath.Join(dir, FileName)}
	f, err := openRegular(j.path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	return j, j.recover(f)
}

// recover loads r, reports what is damaged, and replaces a damaged file.
func (j *Journal) recover(r io.Reader) error {
	l, err := load(r)
	if err != nil {
		return fmt.Errorf("read %s: %w", j.path, err)
	}
	j.state, j.size, j.torn = l.state, l.size, l.torn
	j.appended = 1 // nobody knows whether what was there is on disk
	for _, d := range l.damage {
		j.log.Warn("journal record damaged and dropped", "path", j.path, "line", d.line, "bytes", d.bytes)
	}
	if l.tail > 0 {
		j.log.Warn("journal cut short, its tail is dropped", "path", j.path, "bytes", l.tail)
	}
	if (len(l.damage) > 0 || l.tail > 0 || !l.meta) && j.f != nil {
		if err := j.replace(); err != nil { // a full disk: what is damaged stays, and is skipped
			j.log.Warn("journal not compacted", "path", j.path, "err", err)
		}
	}
	return nil
}

// Epoch is the salt's epoch under which the journal's fingerprints were made,
// empty if none was set.
func (j *Journal) Epoch() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.meta.Epoch
}

// SetEpoch records the epoch of the salt in use, synced. Changed says that
// fingerprints of before, if there are any, mean nothing now: what to do about
// the records is the caller's to decide.
func (j *Journal) SetEpoch(epoch string) (changed bool, err error) {
	r := ref{kind: metaKind}
	n, err := j.change(r, func() bool {
		changed = j.state.meta.Epoch != epoch
		j.state.meta.Epoch = epoch
		return changed
	})
	if err != nil {
		return changed, err
	}
	return changed, j.syncTo(n)
}

// Put makes v the record of kind and id. It reaches the file at once, and the
// disk with the next sync; a record that equals the last one is not written.
// After an error v is the record in memory, and is written with the next record.
func (j *Journal) Put(kind Kind, id string, v any) error {
	_, err := j.put(kind, id, v)
	return err
}

// PutSync is Put, and returns nil only when the record is on disk.
func (j *Journal) PutSync(kind Kind, id string, v any) error {
	n, err := j.put(kind, id, v)
	if err != nil {
		return err
	}
	return j.syncTo(n)
}

func (j *Journal) put(kind Kind, id string, v any) (n uint64, err error) {
	if kind == "" || kind == metaKind || len(kind)+len(id) > maxName || !utf8.ValidString(string(kind)+id) {
		return 0, fmt.Errorf("write journal record: kind %.20q and id %.20q cannot name one", kind, id)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("encode journal record %s %q: %w", kind, id, err)
	}
	if len(raw) > MaxRecord {
		return 0, fmt.Errorf("write journal record %s %q of %d bytes: %w", kind, id, len(raw), ErrTooLarge)
	}
	r := ref{kind, id}
	return j.change(r, func() bool {
		old, known := j.state.get(r)
		j.state.put(r, raw)
		return !known || !bytes.Equal(old, raw)
	})
}

// Delete forgets the record of kind and id. The disk learns it with the next sync.
func (j *Journal) Delete(kind Kind, id string) error {
	r := ref{kind, id}
	_, err := j.change(r, func() bool {
		_, known := j.state.get(r)
		j.state.delete(r)
		return known
	})
	return err
}

// Get decodes the record of kind and id into a pointer, and tells whether there is one.
func (j *Journal) Get(kind Kind, id string, into any) (bool, error) {
	j.mu.Lock()
	raw, ok := j.state.get(ref{kind, id})
	j.mu.Unlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return true, fmt.Errorf("decode journal record %s %q: %w", kind, id, err)
	}
	return true, nil
}

// Clear forgets every record, synced. The epoch of the salt stays.
func (j *Journal) Clear() error {
	j.mu.Lock()
	epoch := j.state.meta.Epoch
	j.state = newState()
	j.state.meta.Epoch = epoch
	clear(j.backlog)
	j.mu.Unlock()
	return j.replace()
}

// Each calls f with every record of kind in the order of their ids, as they were
// when Each was called. f may write to the journal; its first error ends the walk.
// f does not change raw.
func (j *Journal) Each(kind Kind, f func(id string, raw json.RawMessage) error) error {
	j.mu.Lock()
	records := maps.Clone(j.state.records[kind])
	j.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if err := f(id, records[id]); err != nil {
			return err
		}
	}
	return nil
}
