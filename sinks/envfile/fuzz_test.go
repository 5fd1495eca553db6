package envfile

import (
	"maps"
	"os"
	"testing"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/test/need"
)

// FuzzEnvFile holds that every value is carried exactly or refused. Where
// LIVEKEY_TEST is set the programs that read each dialect are asked too, if they are there, but
// for node, which takes too long to start.
func FuzzEnvFile(f *testing.F) {
	for _, v := range hostile {
		f.Add([]byte(v))
	}
	asked := map[string][]reader{}
	if os.Getenv("LIVEKEY_TEST") != "" {
		for _, r := range readers {
			if r.name != "node" && need.Has(r.needs...) {
				asked[r.dialect] = append(asked[r.dialect], r.start(f))
			}
		}
	}
	path := f.TempDir() + "/env"
	f.Fuzz(func(t *testing.T, value []byte) {
		for name, d := range dialects {
			if d.carries("K", value) != nil {
				continue
			}
			want := map[string]string{"A": "before", "K": string(value), "Z": "after"}
			secrets := map[string]secret.Value{}
			for n, v := range want {
				secrets[n] = secret.New([]byte(v))
			}
			data := d.render(secrets, surroundings{})
			if own, err := parsed(d, data); err != nil || !maps.Equal(own, want) {
				t.Errorf("%s: %q: own parser reads %q, %v", name, value, own, err)
			}
			for i, read := range asked[name] {
				put(t, path, string(data))
				if got, err := read(path); err != nil || !maps.Equal(got, want) {
					t.Errorf("%s: %q: reader %d has %q, %v", name, value, i, got, err)
				}
			}
		}
	})
}

// FuzzParse holds that no file makes a parser panic, and that what it accepts can
// be written again with the same meaning, or is refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte("# c\nA=1\nB='x y'\nC=\"a\\\"\"\n"))
	f.Add([]byte("A='\nA=b'\n"))
	f.Add([]byte("export A=a'b'\"c\"\\'d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range dialects {
			values, err := parsed(d, data)
			if err != nil {
				continue
			}
			out, kept := []byte{}, map[string]string{}
			for n, v := range values {
				if v != "" && d.carries(n, []byte(v)) != nil {
					continue // such as more than a process may have
				}
				out, kept[n] = d.write(out, n, []byte(v)), v
			}
			if again, err := parsed(d, out); err != nil || !maps.Equal(again, kept) {
				t.Errorf("%s: %q became %q: %v", d.name, kept, again, err)
			}
		}
	})
}
