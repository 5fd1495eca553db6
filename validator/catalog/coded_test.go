package catalog

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/checkertest"
)

const dated = `
id: dated
name: Dated
probe_policy: offline
decode: dates
before:
  - {fact: /over, equals: true, outcome: dead, reason: expired}
identity: {who: {fact: /who}}
expiry: {fact: /until}
confidence: high
evidence: [e]
`

// readDate decodes "over", "until 2030", and refuses anything else.
func readDate(c validator.Coded) (map[string]any, error) {
	switch c.Part("value") {
	case "over":
		return map[string]any{"over": true}, nil
	case "good":
		return map[string]any{"over": false, "who": "me", "until": "2030-01-01T00:00:00Z"}, nil
	}
	return nil, errors.New("it has no date")
}

func TestWhatNobodyIsAskedAboutIsReadAndNeverLive(t *testing.T) {
	c, err := parsed(t, dated).Checker(Settings{Client: http.DefaultClient, Decoders: map[string]validator.Decoder{"dates": readDate}})
	if err != nil {
		t.Fatal(err)
	}
	if hosts := c.(validator.Hoster).Hosts(); len(hosts) != 0 {
		t.Errorf("it names hosts: %q", hosts)
	}
	for value, want := range map[string]string{"good": "unknown/no_provider", "over": "dead/expired", "x": "dead/malformed undecodable"} {
		v := c.Check(t.Context(), checkertest.Material(value))
		if told(v) != want {
			t.Errorf("%s: %s, want %s", value, told(v), want)
		}
		if value == "good" && (v.Identity["who"] != "me" || v.ExpiresAt.Year() != 2030) {
			t.Errorf("identity %v, expires %s", v.Identity, v.ExpiresAt)
		}
	}
}

// What the value says of itself comes before it is sent anywhere.
func TestAnExpiredValueIsNotSent(t *testing.T) {
	p := parsed(t, shop, "confidence: high", "decode: dates\nbefore: [{fact: /over, equals: true, outcome: dead, reason: expired}]\nconfidence: high")
	decoders := map[string]validator.Decoder{"dates": readDate}
	v, req := asks(t, p, Settings{Decoders: decoders}, shopKey("over", "app"), &said{Status: 200, Body: `{"shop":1}`})
	if req != nil || told(v) != "dead/expired" {
		t.Errorf("%s, asked %v", told(v), req != nil)
	}
}

const spoken = `
id: spoken
name: Spoken
speak: words
params: {host: {required: true}}
rules:
  - {path: /user, exists: true, outcome: live, reason: valid}
  - {path: /code, equals: wrong, outcome: dead, reason: invalid}
identity: {user: {path: /user, pin: true}}
confidence: high
evidence: [e]
`

type wordy struct{}

func (wordy) Lint(with map[string]string) error {
	if with["host"] == "bad" {
		return errors.New("with.host: is bad")
	}
	return nil
}

func (wordy) Hosts(with map[string]string) []string { return []string{"words://" + with["host"]} }

func (wordy) Speak(_ context.Context, c validator.Coded) (map[string]any, error) {
	switch c.Part("value") {
	case "good":
		return map[string]any{"user": "ada"}, nil
	case "wrong", "odd":
		return map[string]any{"code": c.Part("value")}, nil
	}
	return nil, errors.New("nobody answers at " + c.With["host"])
}

func TestAnotherProtocolIsJudgedByTheSameRules(t *testing.T) {
	s := Settings{Client: http.DefaultClient, Speakers: map[string]validator.Speaker{"words": wordy{}}, With: map[string]string{"host": "db:1"}}
	c, err := parsed(t, spoken).Checker(s)
	if err != nil {
		t.Fatal(err)
	}
	if hosts := c.(validator.Hoster).Hosts(); len(hosts) != 1 || hosts[0] != "words://db:1" {
		t.Errorf("hosts %q", hosts)
	}
	for value, want := range map[string]string{
		"good": "live/valid", "wrong": "dead/invalid", "odd": "unknown/unsupported", "down": "unknown/transient",
	} {
		v := validator.NewProber().Probe(t.Context(), validator.Request{Key: "K", Provider: "spoken", Checker: c, Material: checkertest.Material(value), Budget: 9})
		if told(v) != want || v.Control != key.ControlNone {
			t.Errorf("%s: %s control %q, want %s", value, told(v), v.Control, want)
		}
		if want == "live/valid" && v.Identity["user"] != "ada" {
			t.Errorf("identity %v", v.Identity)
		}
	}
}

func TestCodeThatIsNotThereIsAFault(t *testing.T) {
	for _, text := range []string{dated, spoken} {
		if _, err := parsed(t, text).Checker(Settings{Client: http.DefaultClient, With: map[string]string{}}); err == nil {
			t.Error("a checker without its code")
		}
	}
	s := Settings{Client: http.DefaultClient, Speakers: map[string]validator.Speaker{"words": wordy{}}, With: map[string]string{"host": "bad"}}
	if _, err := parsed(t, spoken).Checker(s); err == nil || err.Error() != "with.host: is bad" {
		t.Errorf("bad parameters: %v", err)
	}
	s.With["host"], s.BaseURL = "db", "https://x"
	if _, err := parsed(t, spoken).Checker(s); err == nil {
		t.Error("a base_url for what is no HTTP")
	}
}
