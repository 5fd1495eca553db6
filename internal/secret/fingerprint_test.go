package secret_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

func value(s string) secret.Value { return secret.New([]byte(s)) }

func parts(kv ...string) map[key.Part]secret.Value {
	m := map[key.Part]secret.Value{}
	for i := 0; i < len(kv); i += 2 {
		m[key.Part(kv[i])] = value(kv[i+1])
	}
	return m
}

func TestFingerprints(t *testing.T) {
	h, other := secret.NewHasher(value("salt-a")), secret.NewHasher(value("salt-b"))
	mac := hmac.New(sha256.New, []byte("salt-a"))
	mac.Write([]byte("the key"))
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"a part's is HMAC-SHA-256 of its bytes under the salt", string(h.Part(value("the key"))) == hex.EncodeToString(mac.Sum(nil))},
		{"of one part, the version's is the part's own", h.Version(parts("value", "x")) == h.Part(value("x"))},
		{"whatever that part is called", h.Version(parts("a", "x")) == h.Version(parts("b", "x"))},
		{"bytes do not move between parts", h.Version(parts("a", "xy", "b", "z")) != h.Version(parts("a", "x", "b", "yz"))},
		{"nor between names and parts", h.Version(parts("a", "xb", "b", "z")) != h.Version(parts("ax", "b", "b", "z"))},
		{"a name cannot play a part", h.Version(parts("a", "x", "b", "y", "c", "z")) != h.Version(parts("a", "x", "b\x00\x00\x00\x00\x00\x00\x00\x01yc", "z"))},
		{"parts do not change places", h.Version(parts("a", "x", "b", "y")) != h.Version(parts("a", "y", "b", "x"))},
		{"two parts are not one that looks like both", h.Version(parts("a", "x", "b", "y")) != h.Part(value("axby"))},
		{"another salt, another fingerprint", h.Part(value("x")) != other.Part(value("x"))},
		{"the salt names its epoch", h.Epoch() == secret.NewHasher(value("salt-a")).Epoch() && h.Epoch() != other.Epoch()},
		{"an epoch is short and no salt", len(h.Epoch()) == 12 && h.Epoch() != "salt-a"},
		{"256 bits are kept, 12 digits shown", len(h.Part(value("x"))) == 64 && len(h.Part(value("x")).String()) == 12},
	} {
		if !c.ok {
			t.Error("not true: " + c.name)
		}
	}
}

func TestEqualVersionsHaveEqualFingerprintsAndNoOthers(t *testing.T) {
	h := secret.NewHasher(value("salt"))
	gen := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c"}), rapid.StringMatching(`[ab]{0,3}`), 2, 3)
	rapid.Check(t, func(t *rapid.T) {
		of := func(m map[string]string) map[key.Part]secret.Value {
			p := map[key.Part]secret.Value{}
			for k, v := range m {
				p[key.Part(k)] = value(v)
			}
			return p
		}
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		same := len(a) == len(b)
		for k, v := range a {
			w, ok := b[k]
			same = same && ok && v == w
		}
		if (h.Version(of(a)) == h.Version(of(b))) != same {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestASeedTellsValuesApartAndSaysNothingElsewhere(t *testing.T) {
	one, other := secret.NewSeed(), secret.NewSeed()
	value := func(text string) secret.Value { return secret.New([]byte(text)) }
	if first, again := one.Hash(value("a")), one.Hash(value("a")); first != again {
		t.Error("equal values have different hashes")
	}
	if one.Hash(value("a")) == one.Hash(value("b")) {
		t.Error("different values have one hash")
	}
	if one.Hash(value("a")) == other.Hash(value("a")) {
		t.Error("two seeds agree")
	}
}
