package catalog

import (
	"cmp"
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
)

// entries is how many kinds of credential livekey was written to know.
const entries = 99

// Every kind of credential that livekey is to know is in the catalogue, and asked about as
// carefully as it has to be.
func TestEveryEntryIsThere(t *testing.T) {
	text, err := os.ReadFile("testdata/entries.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var wanted map[string]struct{ File, Variant, Asked string }
	if err := yaml.Unmarshal(text, &wanted); err != nil {
		t.Fatal(err)
	}
	if len(wanted) != entries {
		t.Errorf("%d entries are listed, want %d", len(wanted), entries)
	}
	for id, want := range wanted {
		p, err := builtin.Lookup(want.File)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		asked := p.file.ProbePolicy
		if want.Variant != "" {
			i := slices.IndexFunc(p.file.Variants, func(v variant) bool { return v.Name == want.Variant })
			if i < 0 {
				t.Errorf("%s: %s.yaml has no variant %q", id, want.File, want.Variant)
				continue
			}
			asked = cmp.Or(p.file.Variants[i].ProbePolicy, asked)
		}
		if want.Asked != "" && asked != want.Asked {
			t.Errorf("%s is asked about as %q, want %q", id, asked, want.Asked)
		}
	}
}
