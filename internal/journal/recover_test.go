package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// sample is a journal of a few records, and where each of them begins.
func sample() (text []byte, starts []int, ids []string) {
	add := func(b body) {
		starts, ids = append(starts, len(text)), append(ids, b.ID)
		text = append(text, encode(b)...)
	}
	add(body{Kind: metaKind, V: json.RawMessage(`{"format":1,"epoch":"aaaa"}`)})
	for i := range 6 {
		add(body{Kind: "d", ID: fmt.Sprintf("r%d", i), V: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))})
	}
	return text, append(starts, len(text)), ids
}

func idsOf(s state) []string { return slices.Sorted(maps.Keys(s.records["d"])) }

func TestDamageCostsTheRecordsThatItHits(t *testing.T) {
	text, starts, ids := sample()
	for at := range text {
		hit := len(starts) - 2
		for starts[hit] > at {
			hit--
		}
		t.Run(fmt.Sprintf("cut at byte %d", at), func(t *testing.T) {
			l, err := load(bytes.NewReader(text[:at]))
			must(t, err)
			whole := hit // records before at
			if at == starts[hit+1]-1 {
				whole++ // only its newline is missing
			}
			if got := idsOf(l.state); len(got) != max(whole-1, 0) {
				t.Errorf("%d whole records, got %v", whole, got)
			}
			if l.tail != int64(at-starts[whole]) && whole == hit {
				t.Errorf("reported %d lost bytes of %d", l.tail, at-starts[hit])
			}
		})
		for bit := range 8 {
			flipped := bytes.Clone(text)
			flipped[at] ^= 1 << bit
			l, err := load(bytes.NewReader(flipped))
			must(t, err)
			got := idsOf(l.state)
			for i, id := range ids[1:] {
				if i+1 != hit && !slices.Contains(got, id) {
					t.Errorf("bit %d of byte %d, in record %d, cost record %d", bit, at, hit, i+1)
				}
			}
			if hit > 0 && slices.Contains(got, ids[hit]) || hit == 0 && l.meta || len(l.damage) == 0 && l.tail == 0 {
				t.Errorf("bit %d of byte %d, in record %d, went unseen", bit, at, hit)
			}
		}
	}
}

func TestDamageIsLoggedOnceAndHealed(t *testing.T) {
	text, starts, _ := sample()
	dir := t.TempDir()
	text[starts[3]+30] ^= 1
	text = append(text, "\x00\x00\x00garbage"...)
	must(t, os.WriteFile(filepath.Join(dir, FileName), text, 0o600))
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	j, err := Open(dir, log)
	must(t, err)
	must(t, j.Put("d", "new", 1))
	must(t, j.Close())
	said := out.String()
	for _, w := range []string{"level=WARN", "journal record damaged and dropped", fmt.Sprintf("line=4 bytes=%d", starts[4]-starts[3]-1), "its tail is dropped", "bytes=10"} {
		if !strings.Contains(said, w) {
			t.Errorf("no %q in %s", w, said)
		}
	}
	out.Reset()
	j, err = Open(dir, log)
	must(t, err)
	if got := idsOf(j.state); out.String() != "" || !slices.Equal(got, []string{"new", "r0", "r1", "r3", "r4", "r5"}) || j.Epoch() != "aaaa" {
		t.Error(out.String(), got, j.Epoch())
	}
	must(t, j.Close())
}

func TestARecordBehindATornOneIsFound(t *testing.T) {
	text, starts, _ := sample()
	torn := slices.Concat(text[:starts[2]+11], text[starts[3]:])
	l, err := load(bytes.NewReader(torn))
	must(t, err)
	if got := idsOf(l.state); !slices.Equal(got, []string{"r0", "r2", "r3", "r4", "r5"}) {
		t.Error(got)
	}
	if len(l.damage) != 1 || l.damage[0].bytes != 11 {
		t.Error(l.damage)
	}
}

func TestARecordWithoutItsNewlineIsNotWrittenInto(t *testing.T) {
	text, _, _ := sample()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName), text[:len(text)-1], 0o600))
	j := open(t, dir)
	must(t, j.Put("d", "new", 1))
	must(t, j.Close())
	if got := idsOf(open(t, dir).state); !slices.Equal(got, []string{"new", "r0", "r1", "r2", "r3", "r4", "r5"}) {
		t.Error(got)
	}
}

func TestGarbageWithoutAnEndTakesNoMemory(t *testing.T) {
	text, _, _ := sample()
	const garbage = 32 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, err := load(io.MultiReader(bytes.NewReader(text), io.LimitReader(zeros{}, garbage)))
	runtime.ReadMemStats(&after)
	if err != nil || l.tail != garbage || len(idsOf(l.state)) != 6 {
		t.Error(err, l.tail)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > garbage/2 {
		t.Errorf("%d bytes", allocated)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// FuzzLoad: whatever is read, it does not panic, and what was understood is what
// a snapshot of it says.
func FuzzLoad(f *testing.F) {
	text, starts, _ := sample()
	f.Add(text)
	f.Add(text[:starts[4]+9])
	f.Add(append(encode(body{Kind: "d", ID: "a", Deleted: true}), encode(body{Kind: metaKind, V: json.RawMessage(`7`)})...))
	f.Add([]byte("\n\n{\"crc\":\"00000000\",}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := load(bytes.NewReader(text))
		if err != nil {
			return // a newer format
		}
		if first.size != int64(len(text)) {
			t.Fatalf("read %d bytes of %d", first.size, len(text))
		}
		var snapshot bytes.Buffer
		must(t, first.state.writeTo(&snapshot))
		second, err := load(&snapshot)
		must(t, err)
		if second.tail > 0 || len(second.damage) > 0 || second.state.meta != first.state.meta {
			t.Fatalf("a snapshot is damaged: %+v", second)
		}
		for kind, records := range first.state.records {
			if !maps.EqualFunc(records, second.state.records[kind], func(a, b json.RawMessage) bool { return bytes.Equal(compact(a), compact(b)) }) {
				t.Fatalf("kind %s: %q became %q", kind, records, second.state.records[kind])
			}
		}
	})
}

func compact(raw json.RawMessage) []byte {
	b, err := json.Marshal(raw)
	if err != nil {
		panic(err)
	}
	return b
}

// FuzzDamage: every record before the damage survives.
func FuzzDamage(f *testing.F) {
	f.Add(uint16(40), []byte{1}, false)
	f.Add(uint16(0), []byte("\n\n"), true)
	f.Fuzz(func(t *testing.T, at uint16, with []byte, cut bool) {
		text, starts, ids := sample()
		i := int(at) % len(text)
		damaged := append(bytes.Clone(text[:i]), with...)
		if !cut {
			damaged = append(damaged, text[min(i+len(with), len(text)):]...)
		}
		l, err := load(bytes.NewReader(damaged))
		if err != nil {
			t.Skip("a newer format")
		}
		got := idsOf(l.state)
		for n, id := range ids[1:] {
			if starts[n+2] <= i && !slices.Contains(got, id) {
				t.Fatalf("damage at %d cost record %s, which ends at %d", i, id, starts[n+2])
			}
		}
	})
}
