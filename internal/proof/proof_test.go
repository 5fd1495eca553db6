package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
)

const canary = "canary-4f9a7c1e-do-not-print-me"

var (
	hasher = secret.NewHasher(secret.New([]byte("salt")))
	// Every outcome with every reason, also those that no checker pairs: the
	// door does not rely on its callers.
	outcomes = []key.Outcome{key.Unknown, key.Live, key.Dead, 99}
	reasons  = []key.Reason{
		"", key.Valid, key.LimitedScope, key.RateLimited, key.Blocked, key.Invalid, key.Expired, key.Revoked, key.Malformed,
		key.NotYetAsked, key.Transient, key.Intercepted, key.Unauthenticated, key.WrongAuthMethod, key.Misconfigured, key.Unsupported, key.NoProvider, "new",
	}
	exceptions = []proof.Exception{proof.NoProvider, proof.KnownLive, proof.PublishIfEmpty, proof.Kept, "", "other"}
)

func material(value string) proof.Material {
	return proof.New(hasher, "API_KEY", "v7", map[key.Part]secret.Value{key.DefaultPart: secret.New([]byte(value))})
}

func eachVerdict(m proof.Material, f func(v key.Verdict)) {
	for _, o := range outcomes {
		for _, r := range reasons {
			f(key.Verdict{Outcome: o, Reason: r, Fingerprint: m.Fingerprint})
		}
	}
}

func TestOnlyALiveVerdictProves(t *testing.T) {
	m := material(canary)
	eachVerdict(m, func(v key.Verdict) {
		p, err := proof.Prove(m, v)
		if (err == nil) != (v.Outcome == key.Live) {
			t.Errorf("%s/%s: %v", v.Outcome, v.Reason, err)
		}
		if err == nil && (p.Unproved() != "" || p.Material().Fingerprint != m.Fingerprint) {
			t.Errorf("%s/%s: unproved %q, material %q", v.Outcome, v.Reason, p.Unproved(), p.Material().Fingerprint)
		}
	})
}

func TestAnExceptionAllowsWhatItNamesAndNothingElse(t *testing.T) {
	m := material(canary)
	for _, e := range exceptions {
		eachVerdict(m, func(v key.Verdict) {
			unasked := v.Outcome == key.Unknown && (v.Reason == key.Transient || v.Reason == key.Intercepted)
			want := map[proof.Exception]bool{
				proof.NoProvider:     v.Outcome == key.Unknown && v.Reason == key.NoProvider,
				proof.KnownLive:      unasked,
				proof.PublishIfEmpty: unasked,
				proof.Kept:           true,
			}[e]
			p, err := proof.Except(e, m, v)
			if (err == nil) != want {
				t.Errorf("%s with %s/%s: %v", e, v.Outcome, v.Reason, err)
			}
			if err != nil {
				return
			}
			wantReason := v.Reason
			if v.Outcome == key.Live {
				wantReason = ""
			}
			if p.Unproved() != wantReason {
				t.Errorf("%s with %s/%s is shown as unproved for %q", e, v.Outcome, v.Reason, p.Unproved())
			}
		})
	}
}

func TestAVerdictForOtherBytesProvesNothing(t *testing.T) {
	m, other := material(canary), material(canary+"\n")
	for name, v := range map[string]key.Verdict{
		"other bytes":     {Outcome: key.Live, Fingerprint: other.Fingerprint},
		"no bytes":        {Outcome: key.Live},
		"the short form":  {Outcome: key.Live, Fingerprint: key.Fingerprint(m.Fingerprint.String())},
		"no provider, of": {Outcome: key.Unknown, Reason: key.NoProvider, Fingerprint: other.Fingerprint},
	} {
		if p, err := proof.Prove(m, v); err == nil || p.Material().Fingerprint != "" {
			t.Errorf("Prove by %s", name)
		}
		for _, e := range exceptions {
			if p, err := proof.Except(e, m, v); err == nil || p.Material().Fingerprint != "" {
				t.Errorf("Except %s by %s", e, name)
			}
		}
	}
}

func TestMaterialWithoutAFingerprintIsNeverProved(t *testing.T) {
	v := key.Verdict{Outcome: key.Live}
	if _, err := proof.Prove(proof.Material{}, v); err == nil {
		t.Error("Prove")
	}
	if _, err := proof.Except(proof.Kept, proof.Material{}, v); err == nil {
		t.Error("Except")
	}
}

func TestMaterialIsFingerprintedByItsParts(t *testing.T) {
	m := material(canary)
	if m.Fingerprint != hasher.Part(secret.New([]byte(canary))) || m.Version != "v7" || m.Key != "API_KEY" {
		t.Errorf("%+v", m)
	}
	bare := proof.New(hasher, "API_KEY", "", m.Parts)
	if string(bare.Version) != m.Fingerprint.String() {
		t.Errorf("without a version of its own the bytes are the version, got %q", bare.Version)
	}
}

func TestNothingHerePrintsAValue(t *testing.T) {
	m := material(canary)
	p, err := proof.Prove(m, key.Verdict{Outcome: key.Live, Fingerprint: m.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	_, refused := proof.Prove(m, key.Verdict{})
	for _, x := range []any{m, &m, p, &p, refused} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if out := fmt.Sprintf(verb, x); strings.Contains(out, canary[:8]) || strings.Contains(out, fmt.Sprintf("%x", canary[:8])) {
				t.Errorf("%s of %T: %s", verb, x, out)
			}
		}
	}
}
