package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livekey/livekey/internal/key"
)

func read(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Read("/etc/livekey/livekey.yaml", []byte(text), testKinds)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func TestPartsAndVariablesOfAKey(t *testing.T) {
	type parts = map[key.Part]string
	type env = map[string]key.Part
	for _, test := range []struct {
		rule, entry string
		parts       parts
		env         env
	}{
		{
			"the name is the variable, the reference the value", `{from: "env://X"}`,
			parts{"value": "env://X"},
			env{"K": "value"},
		},
		{
			"env may name the variable", `{from: "vault://s#f", env: OTHER}`,
			parts{"value": "vault://s#f"},
			env{"OTHER": "value"},
		},
		{
			"two variables may carry one value", `{from: "vault://s#f", env: {A: value, B: value}}`,
			parts{"value": "vault://s#f"},
			env{"A": "value", "B": "value"},
		},
		{
			"parts are fields of one record", `{from: "vault://s?version=2", env: {ID: id, KEY: secret}}`,
			parts{"id": "vault://s?version=2#id", "secret": "vault://s?version=2#secret"},
			env{"ID": "id", "KEY": "secret"},
		},
		{
			"a pointer names the object of the parts", `{from: "vault://s#/a/b", env: {ID: id, KEY: secret}}`,
			parts{"id": "vault://s#/a/b/id", "secret": "vault://s#/a/b/secret"},
			env{"ID": "id", "KEY": "secret"},
		},
		{
			"a single part without a field is the field of its name", `{from: "vault://s", env: {K: token}}`,
			parts{"token": "vault://s#token"},
			env{"K": "token"},
		},
		{
			"a single part with a field is that field", `{from: "vault://s#f", env: {K: token}}`,
			parts{"token": "vault://s#f"},
			env{"K": "token"},
		},
		{
			"a map says where each part is, one may be for the proof alone", `{from: {id: "env://A", secret: "env://B", region: "env://C"}, env: {ID: id, KEY: secret}}`,
			parts{"id": "env://A", "secret": "env://B", "region": "env://C"},
			env{"ID": "id", "KEY": "secret"},
		},
		{
			"a map of one part needs no env", `{from: {token: "env://A"}}`,
			parts{"token": "env://A"},
			env{"K": "token"},
		},
	} {
		k := read(t, "keys:\n  K: "+test.entry+"\n").Keys["K"]
		got := parts{}
		for part, r := range k.From {
			got[part] = FormatRef(r)
		}
		if diff := cmp.Diff(test.parts, got); diff != "" {
			t.Errorf("%s: parts (-want +got):\n%s", test.rule, diff)
		}
		if diff := cmp.Diff(test.env, k.Env); diff != "" {
			t.Errorf("%s: variables (-want +got):\n%s", test.rule, diff)
		}
	}
}

func TestAKeyOverridesThePolicyFieldByField(t *testing.T) {
	c := read(t, `
policy: {probe: 1h, confirm: {times: 5}}
keys:
  A: {from: "env://A"}
  B: {from: "env://B", policy: {confirm: {over: 2m}, watch_previous: false, refresh: 50ms, expiry: [1h, 30d]}}
  C: {from: "env://C", policy: {expiry: []}}
`)
	want := Default(true).Policy
	want.Probe, want.ConfirmTimes = time.Hour, 5
	if diff := cmp.Diff(want, c.Keys["A"].Policy); diff != "" {
		t.Errorf("a key without a policy (-want +got):\n%s", diff)
	}
	want.ConfirmOver, want.WatchPrevious, want.Refresh = 2*time.Minute, false, 50*time.Millisecond
	want.Expiry = []time.Duration{30 * day, time.Hour}
	if diff := cmp.Diff(want, c.Keys["B"].Policy); diff != "" {
		t.Errorf("a key with a policy (-want +got):\n%s", diff)
	}
	if got := c.Keys["C"].Policy.Expiry; len(got) != 0 {
		t.Errorf("none at all is %v", got)
	}
}

func TestAKindIsASourceOfItsOwnNameOnlyWhereAKeyNamesIt(t *testing.T) {
	c := read(t, `
sources:
  team: {kind: vault, address: "https://v.example"}
  file: {path: /keys}
keys:
  A: {from: "vault://a"}
  B: {from: "team://b"}
`)
	kinds := map[string]string{}
	for name, s := range c.Sources {
		kinds[name] = s.Kind
	}
	if diff := cmp.Diff(map[string]string{"team": "vault", "file": "file", "vault": "vault"}, kinds); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	err := c.Sources["vault"].Settings.Fault("address", "required")
	if want := "/etc/livekey/livekey.yaml:6:7: sources.vault.address: required"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a fault of a source that is not written stands at %v, want %s", err, want)
	}
}

func TestSettingsAreWhatTheCoreDoesNotKnow(t *testing.T) {
	c := read(t, `
keys: {B: {from: "env://B"}, A: {from: "env://A"}}
sinks:
  app: {kind: env_file, path: /x, mode: "0640", keys: all, complete: true}
`)
	sink := c.Sinks["app"]
	var own struct {
		Path string
		Mode FileMode
	}
	if err := sink.Settings.Decode(&own); err != nil || own.Path != "/x" || own.Mode != 0o640 {
		t.Errorf("settings are %+v, %v", own, err)
	}
	if !sink.Complete || !slices.Equal(sink.Keys, []key.Name{"A", "B"}) {
		t.Errorf("the sink is %+v, want complete and all keys, sorted", sink)
	}
	var less struct{ Mode FileMode }
	if err := sink.Settings.Decode(&less); err == nil || !strings.HasPrefix(err.Error(), "/etc/livekey/livekey.yaml:4:25: sinks.app.path: unknown field") {
		t.Errorf("an unknown setting: %v, want a fault with its place", err)
	}
}

func TestFaultsComeWithWhatWasRight(t *testing.T) {
	c, err := Read("f.yaml", []byte(`
keys: {A: {from: "env://A"}, B: {from: "nope://B"}}
sinks:
  good: {kind: env_file, path: /x, keys: [A]}
  bad: {kind: nope, path: /y, keys: [A]}
`), testKinds)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("Read: %v, want two faults", err)
	}
	if got := slices.Sorted(maps.Keys(c.Sinks)); !slices.Equal(got, []string{"good"}) || len(c.Keys) != 1 {
		t.Errorf("sinks %v and keys %v, want those without a fault", got, c.Keys)
	}
}

func TestCheckHosts(t *testing.T) {
	c := read(t, `
policy: {probe: 1s}
keys:
  LOCAL: {from: "env://A"}
  FAR: {from: "env://B"}
  SLOW: {from: "env://C", policy: {probe: 10s}}
  BASE: {from: "env://D", base_url: "http://127.0.0.1:8080"}
  NOBODY: {from: "env://E"}
`)
	ok := map[key.Name][]string{
		"LOCAL": {"http://127.0.0.1:1", "https://localhost", "http://[::1]:8080"}, "SLOW": {"https://api.example"}, "NOBODY": nil,
		"BASE": {"https://api.example"}, // what the provider says by default; Load has judged the base_url
	}
	if err := c.CheckHosts(ok); err != nil {
		t.Errorf("CheckHosts: %v", err)
	}
	for _, host := range []string{"https://api.example", "https://127.0.0.1.example", "https://localhost.example", "https://10.0.0.1"} {
		ok["FAR"] = []string{"http://127.0.0.1", host, "http://127.0.0.1"}
		err := c.CheckHosts(ok)
		if err == nil || !strings.HasPrefix(err.Error(), "/etc/livekey/livekey.yaml:2:17: policy.probe: below 10s") {
			t.Errorf("CheckHosts with %s: %v, want a fault at the probe interval", host, err)
		}
	}
}

func TestAFieldThatEndsInDirMayBeABoolean(t *testing.T) {
	read(t, good+"sinks: {env_file: {path: /x, keys: all, allow_unsafe_dir: true}}\n")
	for _, value := range []string{"relative", `"true"`} {
		_, err := Read("f.yaml", []byte(good+"sinks: {env_file: {path: /x, keys: all, work_dir: "+value+"}}\n"), testKinds)
		if err == nil || !strings.Contains(err.Error(), "must be an absolute path") {
			t.Errorf("work_dir: %s: %v, want it refused", value, err)
		}
	}
}

func TestOneAdminKeyIsSaidOnce(t *testing.T) {
	c := read(t, `
keys:
  A: {from: "env://A", consumers: ["unit:a.service"], revoke: {anthropic: {}}}
  B: {from: "env://B", consumers: ["unit:a.service"], revoke: {anthropic: {admin_key_file: /own}}}
providers:
  anthropic: {admin_key_file: /admin, base_url: "https://gateway.example"}
`)
	all := AnthropicAdmin{AdminKeyFile: "/admin", BaseURL: "https://gateway.example"}
	if got := c.Providers["anthropic"].Admin; got == nil || *got != all {
		t.Errorf("the list is read with %+v", got)
	}
	if got := c.Keys["A"].Revoke.Anthropic; got == nil || *got != all {
		t.Errorf("A is revoked with %+v", got)
	}
	own := AnthropicAdmin{AdminKeyFile: "/own", BaseURL: "https://gateway.example"}
	if got := c.Keys["B"].Revoke.Anthropic; got == nil || *got != own {
		t.Errorf("B is revoked with %+v", got)
	}
}
