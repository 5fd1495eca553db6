package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
)

// format is the version of the records' shape. The frame of a line, that is the
// checksum in front and the kind of its meta record, stays the same for ever:
// by it a newer format is recognized.
const format = 1

// metaKind is the kind of the record that says what the file is. It is the first
// of every snapshot.
const metaKind Kind = "meta"

type meta struct {
	Format int    `json:"format"`
	Epoch  string `json:"epoch,omitempty"` // of the salt
}

// A line is a JSON object whose first member is the checksum, as 8 hex digits, of
// the bytes that follow it up to the newline:
//
//	{"crc":"0d4a1185","kind":"delivery","id":"app","v":{…}}
const (
	crcHead  = `{"crc":"`
	crcTail  = `",`
	frameLen = len(crcHead) + 8 + len(crcTail)
	maxLine  = MaxRecord + 8*maxName // escapes make six bytes out of one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type body struct {
	Kind    Kind            `json:"kind"`
	ID      string          `json:"id,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
	V       json.RawMessage `json:"v,omitempty"`
}

// encode returns one line, newline included. V is put in as it is: json.Marshal
// made it, and would look at every byte of it once more.
func encode(b body) []byte {
	v := b.V
	b.V = nil
	rest, err := json.Marshal(b)
	if err != nil {
		panic("journal: two strings do not encode: " + err.Error())
	}
	line := make([]byte, frameLen, frameLen+len(rest)+len(`,"v":`)+len(v)+1)
	line = append(line, rest[1:]...) // the brace stands before the checksum
	if v != nil {
		line = append(line[:len(line)-1], `,"v":`...)
		line = append(append(line, v...), '}')
	}
	_ = fmt.Appendf(line[:0], `%s%08x%s`, crcHead, crc32.Checksum(line[frameLen:], castagnoli), crcTail)
	return append(line, '\n')
}

var errDamaged = errors.New("damaged line")

// decode reads one line without its newline.
func decode(line []byte) (body, error) {
	var b body
	if len(line) <= frameLen || string(line[:len(crcHead)]) != crcHead || string(line[frameLen-len(crcTail):frameLen]) != crcTail {
		return b, errDamaged
	}
	rest := line[frameLen:]
	if fmt.Sprintf("%08x", crc32.Checksum(rest, castagnoli)) != string(line[len(crcHead):len(crcHead)+8]) {
		return b, errDamaged
	}
	if err := json.Unmarshal(append([]byte{'{'}, rest...), &b); err != nil || b.Kind == "" || !b.Deleted && b.V == nil {
		return b, errDamaged
	}
	return b, nil
}

// state is the last record of every kind and id.
type state struct {
	meta    meta
	records map[Kind]map[string]json.RawMessage
	live    int64 // bytes that a snapshot has, about
}

func newState() state {
	return state{meta: meta{Format: format}, records: map[Kind]map[string]json.RawMessage{}}
}

func (s *state) get(r ref) (json.RawMessage, bool) {
	raw, ok := s.records[r.kind][r.id]
	return raw, ok
}

func (s *state) put(r ref, raw json.RawMessage) {
	s.delete(r)
	if s.records[r.kind] == nil {
		s.records[r.kind] = map[string]json.RawMessage{}
	}
	s.records[r.kind][r.id] = raw
	s.live += lineSize(r, raw)
}

func (s *state) delete(r ref) {
	if raw, ok := s.get(r); ok {
		s.live -= lineSize(r, raw)
		delete(s.records[r.kind], r.id)
	}
}

func lineSize(r ref, raw json.RawMessage) int64 {
	return int64(frameLen + len(`"kind":"","id":"","v":}`) + len(r.kind) + len(r.id) + len(raw) + 1)
}

// line is what the file has to say about r.
func (s *state) line(r ref) []byte {
	if r.kind == metaKind {
		raw, err := json.Marshal(s.meta)
		if err != nil {
			panic("journal: meta does not encode: " + err.Error())
		}
		return encode(body{Kind: metaKind, V: raw})
	}
	if raw, ok := s.get(r); ok {
		return encode(body{Kind: r.kind, ID: r.id, V: raw})
	}
	return encode(body{Kind: r.kind, ID: r.id, Deleted: true})
}

// writeTo writes a snapshot.
func (s *state) writeTo(w io.Writer) error {
	if _, err := w.Write(s.line(ref{kind: metaKind})); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(s.records)) {
		for _, id := range slices.Sorted(maps.Keys(s.records[kind])) {
			if _, err := w.Write(s.line(ref{kind, id})); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply takes over one record.
func (s *state) apply(b body) error {
	switch {
	case b.Kind == metaKind:
		var m meta
		if err := json.Unmarshal(b.V, &m); err != nil {
			return errDamaged
		}
		if m.Format > format {
			return fmt.Errorf("%w: it has format %d, this one reads up to %d; update livekey, or move the file away to start without a memory", ErrNewer, m.Format, format)
		}
		s.meta = meta{Format: format, Epoch: m.Epoch}
	case b.Deleted:
		s.delete(ref{b.Kind, b.ID})
	default:
		s.put(ref{b.Kind, b.ID}, b.V)
	}
	return nil
}

// loaded is what load made of a file.
type loaded struct {
	state  state
	size   int64    // bytes read
	meta   bool     // a meta record was found
	torn   bool     // the last line has no end
	damage []damage // lines that were dropped, with good ones behind them
	tail   int64    // bytes dropped at the end, with no good line behind them
}

type damage struct {
	line  int // counted from 1
	bytes int64
}

// load reads a journal to its end. Damage costs the records that it hit and no other.
func load(r io.Reader) (loaded, error) {
	l := loaded{state: newState()}
	in := bufio.NewReaderSize(r, 64<<10)
	var pending []damage // not yet known to be followed by a good line
	for n := 1; ; n++ {
		line, size, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return l, err
		}
		l.size += size
		good, lost, applyErr := l.applyLine(line, size)
		if applyErr != nil {
			return l, applyErr
		}
		if lost > 0 {
			pending = append(pending, damage{n, lost})
		}
		if good {
			l.damage, pending = append(l.damage, pending...), nil
		}
		if err != nil {
			l.torn = size > 0
			break
		}
	}
	for _, d := range pending {
		l.tail += d.bytes
	}
	return l, nil
}

// applyLine applies the records in one line: one, or those behind each other
// where the newline between them was damaged. size counts the line's newline,
// and what readLine left out.
func (l *loaded) applyLine(line []byte, size int64) (good bool, lost int64, err error) {
	left := size
	if n := int64(len(line)); size == n+1 || n == 0 {
		left = n // the newline is no loss
	}
	for len(line) > 0 {
		b, err := decode(line)
		if err == nil {
			err = l.state.apply(b)
		}
		if err == nil {
			l.meta = l.meta || b.Kind == metaKind
			return true, left - int64(len(line)), nil
		}
		if !errors.Is(err, errDamaged) {
			return false, 0, err
		}
		next := bytes.Index(line[1:], []byte(crcHead))
		if next < 0 {
			break
		}
		line = line[1+next:]
	}
	return false, left, nil
}

// readLine reads up to the next newline, and keeps at most maxLine bytes of it:
// garbage without an end takes no memory. size is what was read, newline included.
func readLine(in *bufio.Reader) (line []byte, size int64, err error) {
	for {
		chunk, err := in.ReadSlice('\n')
		size += int64(len(chunk))
		chunk = bytes.TrimSuffix(chunk, []byte{'\n'})
		line = append(line, chunk[:min(len(chunk), maxLine-len(line))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, size, err
		}
	}
}
