package holders

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// The daemon asks the service for one look over one connection. A request is the salt, its
// length before it in two bytes, and a question in JSON; an answer is JSON alone. Before
// each piece of JSON stands its length in four bytes. The salt is no part of the JSON, so
// that no decoder copies it.

// wireVersion is refused if it differs: both ends are the same binary.
const wireVersion = 1

// Bounds of what either end reads.
const (
	minSalt     = 16
	maxSalt     = 4096
	maxQuestion = 8 << 20
	maxAnswer   = 16 << 20
	maxPrints   = 100_000 // a thousand keys with ten old versions of several parts
	maxPaths    = 10_000
	maxLine     = 4096 // of one text in an answer, and of a path
)

type question struct {
	Version int               `json:"version"`
	Prints  []key.Fingerprint `json:"prints"`
	Files   []string          `json:"files,omitempty"`
}

type answer struct {
	Version int    `json:"version"`
	Error   string `json:"error,omitempty"` // nobody looked
	Scan
}

// ask writes a request.
func ask(to io.Writer, w Wanted) error {
	salt := w.Hasher.Salt()
	n := salt.Len()
	if n < minSalt || n > maxSalt {
		return fmt.Errorf("a salt of %d bytes", n)
	}
	buffer := binary.BigEndian.AppendUint16(make([]byte, 0, 2+n), uint16(n))
	buffer = append(buffer, salt.Reveal()...)
	defer clear(buffer)
	if _, err := to.Write(buffer); err != nil {
		return err
	}
	return writeJSON(to, question{Version: wireVersion, Prints: w.Prints, Files: w.Files})
}

// readQuestion reads a request. wipe makes the salt's bytes zero: then the Hasher is of
// no use any more. It is never nil.
func readQuestion(from io.Reader) (w Wanted, wipe func(), err error) {
	wipe = func() {}
	var size [2]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return w, wipe, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n < minSalt || n > maxSalt {
		return w, wipe, errors.New("a salt of a wrong length")
	}
	salt := make([]byte, n)
	wipe = func() { clear(salt) }
	if _, err := io.ReadFull(from, salt); err != nil {
		return w, wipe, err
	}
	var q question
	if err := readJSON(from, maxQuestion, &q); err != nil {
		return w, wipe, err
	}
	if err := q.check(); err != nil {
		return w, wipe, err
	}
	return Wanted{Hasher: secret.NewHasher(secret.New(salt)), Prints: q.Prints, Files: q.Files}, wipe, nil
}

func (q question) check() error {
	switch {
	case q.Version != wireVersion:
		return errVersion
	case len(q.Prints) > maxPrints || len(q.Files) > maxPaths:
		return errors.New("more is wanted than one look can look for")
	}
	for _, f := range q.Prints {
		if !isPrint(f) {
			return errors.New("a fingerprint that is none")
		}
	}
	for _, path := range q.Files {
		if !strings.HasPrefix(path, "/") || len(path) > maxLine {
			return errors.New("a path that is not absolute")
		}
	}
	return nil
}

var errVersion = errors.New("the other end is of another version: restart livekey and livekey-holders")

// isPrint says whether f is a fingerprint in full.
func isPrint(f key.Fingerprint) bool {
	_, err := hex.DecodeString(string(f))
	return err == nil && len(f) == 64
}

// readAnswer reads what the service saw. What it says is believed as far as it was asked:
// of processes, and of fingerprints that were wanted.
func readAnswer(from io.Reader, wanted []key.Fingerprint) (Scan, error) {
	var a answer
	if err := readJSON(from, maxAnswer, &a); err != nil {
		return Scan{}, err
	}
	switch {
	case a.Version != wireVersion:
		return Scan{}, errVersion
	case a.Error != "":
		return Scan{}, errors.New(brief(a.Error))
	}
	known := make(map[key.Fingerprint]bool, len(wanted))
	for _, f := range wanted {
		known[f] = true
	}
	for i := range a.Sightings {
		s := &a.Sightings[i]
		blind := s.Kind == OldInode || s.Kind == OneFile
		if !(s.Kind == InProcess && known[s.Print]) && !(blind && s.Print == "") || s.PID <= 0 {
			return Scan{}, errors.New("it answers what it was not asked")
		}
		for _, text := range []*string{&s.Variable, &s.Path, &s.User, &s.Command, &s.Unit, &s.UserUnit, &s.Container, &s.Pod} {
			*text = brief(*text)
		}
		for j := range s.Exporters {
			s.Exporters[j].Command = brief(s.Exporters[j].Command)
		}
	}
	for i := range a.Unseen {
		a.Unseen[i] = brief(a.Unseen[i])
	}
	return a.Scan, nil
}

func brief(text string) string { return text[:min(maxLine, len(text))] }

// writeJSON writes v behind its length.
func writeJSON(to io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = to.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...)) //nolint:gosec // far below 4 GiB: Scans and Wanteds are bounded
	return err
}

// readJSON reads what writeJSON wrote, limit bytes at most. Errors say nothing of what it is.
func readJSON(from io.Reader, limit int, into any) error {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if n > limit {
		return errors.New("longer than it may be")
	}
	b, err := io.ReadAll(io.LimitReader(from, int64(n))) // which grows with what arrives, not with what is announced
	if err != nil {
		return err
	}
	if len(b) < n {
		return io.ErrUnexpectedEOF
	}
	if json.Unmarshal(b, into) != nil {
		return errors.New("not what livekey writes")
	}
	return nil
}
