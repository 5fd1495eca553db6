package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// canary is the record of every test that looks for leaks. No eight bytes of it
// may occur in an error.
const canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"

// hostile are records that a careless reader changes: it trims, recodes or
// stops early.
var hostile = map[string]string{
	"a plain token":             canary,
	"a trailing newline":        canary + "\n",
	"CRLF line ends":            "a\r\nb\r\n",
	"a byte order mark":         "\ufeff" + canary,
	"a NUL inside":              "a\x00b",
	"bytes that are no text":    "\xff\xfe\x80\x00\xc3",
	"blanks around it":          " \t" + canary + " ",
	"quotes and backslashes":    `"a\"b\\c" 'd' \u0041 <&>` + "\u2028",
	"a JSON text":               `{"a": "b", "n": 10000000000000000001}`,
	"characters beyond the BMP": "🔑 ключ",
	"64 KiB":                    strings.Repeat("0123456789abcdef", 4096),
}

func byteForByte(t *testing.T, h Harness) {
	names := make(map[string]string)
	for what, data := range hostile {
		if h.carries([]byte(data)) {
			names[what] = fmt.Sprintf("RECORD_%d", len(names))
			h.Put(t, names[what], []byte(data))
		}
	}
	src := h.Open(t)
	for what, name := range names {
		got := h.value(t, fetch(t, src, h.Location(name)))
		if !bytes.Equal(got, []byte(hostile[what])) {
			t.Errorf("%s: %d bytes came back of %d, or not the same ones", what, len(got), len(hostile[what]))
		}
	}
}

func notFound(t *testing.T, h Harness) {
	h.Put(t, "OTHER", []byte(canary))
	src := h.Open(t)
	_, err := src.Fetch(t.Context(), h.Location("MISSING"))
	if !errors.Is(err, key.ErrNotFound) {
		t.Fatalf("err = %v, want one that wraps key.ErrNotFound", err)
	}
	quotesNothing(t, err)
}

func deleted(t *testing.T, h Harness) {
	if !h.changes() {
		t.Skip("the backend cannot change under an open source")
	}
	h.Put(t, "GOES", []byte(canary))
	src := h.Open(t)
	fetch(t, src, h.Location("GOES"))
	h.Delete(t, "GOES")
	_, err := src.Fetch(t.Context(), h.Location("GOES"))
	if !errors.Is(err, key.ErrNotFound) {
		t.Fatalf("err = %v, want one that wraps key.ErrNotFound", err)
	}
	quotesNothing(t, err)
}

func nothingCached(t *testing.T, h Harness) {
	if !h.changes() {
		t.Skip("the backend cannot change under an open source")
	}
	h.Put(t, "ROTATES", []byte("generation-0"))
	src := h.Open(t)
	for i := range 5 {
		want := fmt.Sprintf("generation-%d", i)
		h.Put(t, "ROTATES", []byte(want))
		if got := h.value(t, fetch(t, src, h.Location("ROTATES"))); string(got) != want {
			t.Fatalf("read %q after %q was stored", got, want)
		}
	}
}

func nothingQuoted(t *testing.T, h Harness) {
	h.Put(t, "NEIGHBOR", []byte(canary))
	src := h.Open(t)
	for what, arrange := range h.Faults {
		t.Run(what, func(t *testing.T) {
			_, err := src.Fetch(t.Context(), arrange(t, []byte(canary)))
			if err == nil {
				t.Fatal("the read succeeded")
			}
			if errors.Is(err, key.ErrNotFound) {
				t.Errorf("err = %v wraps key.ErrNotFound: the record would count as gone", err)
			}
			quotesNothing(t, err)
		})
	}
}

func canceled(t *testing.T, h Harness) {
	h.Put(t, "THERE", []byte(canary))
	src := h.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := src.Fetch(ctx, h.Location("THERE"))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want one that wraps context.Canceled", err)
	}
	quotesNothing(t, err)
}

func manyAtOnce(t *testing.T, h Harness) {
	const readers, reads = 8, 8
	for i := range readers {
		h.Put(t, fmt.Sprintf("RECORD_%d", i), fmt.Appendf(nil, "value-%d", i))
	}
	src := h.Open(t)
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			want := fmt.Sprintf("value-%d", i)
			for range reads {
				r, err := src.Fetch(t.Context(), h.Location(fmt.Sprintf("RECORD_%d", i)))
				if err != nil {
					t.Errorf("fetch: %v", err)
				} else if got := h.value(t, r); string(got) != want {
					t.Errorf("got %q, want %q: records are mixed up", got, want)
				}
			}
		})
	}
	all.Wait()
}

func olderVersion(t *testing.T, h Harness) {
	if !h.Numbers {
		t.Skip("the backend keeps no versions")
	}
	h.Put(t, "ROTATES", []byte("first"))
	src := h.Open(t)
	loc := h.Location("ROTATES")
	first := fetch(t, src, loc)
	h.Put(t, "ROTATES", []byte("second"))
	second := fetch(t, src, loc)
	if first.Version == "" || first.Version == second.Version {
		t.Errorf("versions %q and %q do not tell the two apart", first.Version, second.Version)
	}
	if first.Number <= 0 || second.Number <= first.Number {
		t.Errorf("numbers %d and %d do not grow", first.Number, second.Number)
	}
	if second.Previous != "" && second.Previous != first.Version {
		t.Errorf("previous of the second is %q, want %q", second.Previous, first.Version)
	}

	loc.Version = first.Version
	older := fetch(t, src, loc)
	if got := h.value(t, older); string(got) != "first" {
		t.Errorf("version %s reads %q, want the first value", first.Version, got)
	}
	if older.Version != first.Version || older.Number != first.Number {
		t.Errorf("version %s calls itself %s, number %d", first.Version, older.Version, older.Number)
	}
}

func formerVersion(t *testing.T, h Harness) {
	h.Put(t, "ROTATES", []byte("first"))
	src := h.Open(t)
	historian, ok := src.(sources.Historian)
	if !ok {
		t.Skip("the backend keeps no versions")
	}
	loc := h.Location("ROTATES")
	first := fetch(t, src, loc)
	h.Put(t, "ROTATES", []byte("second"))
	second := fetch(t, src, loc)
	if _, ok := historian.Former(loc, ""); ok {
		t.Error("a version without a name has a place")
	}
	for _, name := range []string{"6f1ed002ab55", "\n"} { // of another kind of source; nonsense
		if _, ok := historian.Former(loc, key.Version(name)); ok {
			t.Errorf("version %q has a place, and this backend calls none so", name)
		}
	}
	at, ok := historian.Former(loc, first.Version)
	if !ok {
		t.Fatalf("version %q has no place", first.Version)
	}
	older := fetch(t, src, at)
	if got := h.value(t, older); string(got) != "first" || older.Version != first.Version {
		t.Errorf("at %s is %q, version %q", at, got, older.Version)
	}
	if at, ok = historian.Former(at, second.Version); !ok { // a location that names another
		t.Fatalf("version %q has no place", second.Version)
	}
	if got := h.value(t, fetch(t, src, at)); string(got) != "second" {
		t.Errorf("at %s is %q", at, got)
	}
}

func unknownParameter(t *testing.T, h Harness) {
	h.Put(t, "THERE", []byte(canary))
	linter, ok := h.Open(t).(sources.Linter)
	if !ok {
		t.Skip("the source has no lint")
	}
	loc := h.Location("THERE")
	if err := linter.Lint(key.Ref{Location: loc}); err != nil {
		t.Fatalf("lint of a good location: %v", err)
	}
	const unknown = "no_such_parameter"
	loc.Params = strings.TrimPrefix(loc.Params+"&"+unknown+"=1", "&")
	if err := linter.Lint(key.Ref{Location: loc}); err == nil || !strings.Contains(err.Error(), unknown) {
		t.Errorf("lint of ?%s: err = %v, want one that names it", unknown, err)
	}
}

func fetch(t *testing.T, src sources.Source, loc key.Location) sources.Record {
	t.Helper()
	r, err := src.Fetch(t.Context(), loc)
	if err != nil {
		t.Fatalf("fetch %s: %v", loc, err)
	}
	return r
}

// quotesNothing fails if err, printed in any way, has eight bytes of the canary in a row.
func quotesNothing(t *testing.T, err error) {
	t.Helper()
	for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for i := range len(canary) - 7 {
			if strings.Contains(shown, canary[i:i+8]) {
				t.Fatalf("the error quotes the record from byte %d on", i)
			}
		}
	}
}
