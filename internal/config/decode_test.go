package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livekey/livekey/internal/key"
)

func parse(t *testing.T, text string) Node {
	t.Helper()
	n, err := Parse("f.yaml", "sinks.app", text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type shared struct {
	Header string `yaml:"header"`
}

type everything struct {
	shared  `yaml:",inline"`
	Text    string            `yaml:"text"`
	Flag    bool              `yaml:"flag"`
	Count   int               `yaml:"count"`
	Port    uint16            `yaml:"port"`
	Ratio   float64           `yaml:"ratio"`
	Wait    time.Duration     `yaml:"wait"`
	Mode    FileMode          `yaml:"mode"`
	Outcome key.Outcome       `yaml:"outcome"`
	Words   []string          `yaml:"words"`
	Codes   []int             `yaml:"codes"`
	Names   map[string]string `yaml:"names"`
	Inner   struct {
		A string `yaml:"a"`
	} `yaml:"inner"`
	Maybe   *bool  `yaml:"maybe"`
	Any     any    `yaml:"any"`
	Untold  string // by its name in lower case
	Skipped string `yaml:"-"`
	Rest    Node   `yaml:"rest"`
}

func TestDecodeFillsEveryType(t *testing.T) {
	var got everything
	err := parse(t, `
header: h
text: 0123
flag: true
count: -3
port: 8200
ratio: 0.5
wait: 1m30s
mode: "0640"
outcome: dead
words: [a, b]
codes: [401, 403]
names: {x: y}
inner: {a: b}
maybe: false
any: {list: [1, two, 3.5, true, null]}
untold: said
`).Decode(&got)
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := everything{
		shared: shared{"h"}, Text: "0123", Flag: true, Count: -3, Port: 8200, Ratio: 0.5, Wait: 90 * time.Second, Mode: 0o640,
		Outcome: key.Dead, Words: []string{"a", "b"}, Codes: []int{401, 403}, Names: map[string]string{"x": "y"},
		Maybe: &no, Any: map[string]any{"list": []any{int64(1), "two", 3.5, true, nil}}, Untold: "said",
	}
	want.Inner.A = "b"
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(everything{}), ignoreNodes); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
}

func TestDecodeKeepsDefaultsOfWhatIsNotSaid(t *testing.T) {
	yes := true
	want := everything{Text: "default", Wait: time.Second, Words: []string{"w"}, Maybe: &yes}
	for rule, n := range map[string]Node{
		"the zero Node":     {},
		"an empty text":     parse(t, ""),
		"null":              parse(t, "~"),
		"empty lists, maps": parse(t, "words:\nnames:\ninner:\nmaybe:\nany:\n"),
	} {
		got := want
		if err := n.Decode(&got); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(everything{}), ignoreNodes); diff != "" {
			t.Errorf("%s changed a default (-want +got):\n%s", rule, diff)
		}
	}
}

func TestDecodePlacesEveryFault(t *testing.T) {
	var into everything
	err := parse(t, `text: true
flag: 1
count: 1.5
port: 65536
ratio: .inf
wait: 30
mode: 0640
outcome: canary
words: canary
codes: [401, canary]
names: [canary]
inner: {a: b, aa: canary}
hedder: canary
skipped: canary
`).Decode(&into)
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("Decode returned %v", err)
	}
	type place struct {
		Line, Column int
		Path, Hint   string
	}
	var got []place
	for _, f := range faults {
		hint, _, _ := strings.Cut(f.Hint, ",")
		got = append(got, place{f.Line, f.Column, f.Path, hint})
	}
	want := []place{
		{1, 7, "sinks.app.text", "put it in quotes if it is meant"},
		{2, 7, "sinks.app.flag", ""},
		{3, 8, "sinks.app.count", ""},
		{4, 7, "sinks.app.port", ""},
		{5, 8, "sinks.app.ratio", ""},
		{6, 7, "sinks.app.wait", "write a number and its unit"},
		{7, 7, "sinks.app.mode", "write it as octal digits in quotes"},
		{8, 10, "sinks.app.outcome", ""},
		{9, 8, "sinks.app.words", "write it in brackets: [a"},
		{10, 14, "sinks.app.codes[1]", ""},
		{11, 8, "sinks.app.names", "write them below it"},
		{12, 15, "sinks.app.inner.aa", "one of a"},
		{13, 1, "sinks.app.hedder", `did you mean "header"?`},
		{14, 1, "sinks.app.skipped", "one of any"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the faults quote the file:\n%v", err)
	}
}

func TestFileModeIsOctalInQuotes(t *testing.T) {
	for text, want := range map[string]FileMode{`"0600"`: 0o600, `'640'`: 0o640, `"0000"`: 0} {
		var got struct{ Mode FileMode }
		if err := parse(t, "mode: "+text).Decode(&got); err != nil || got.Mode != want {
			t.Errorf("mode: %s = %o, %v; want %o", text, got.Mode, err, want)
		}
	}
	for _, text := range []string{"0640", "640", "0o640", `"0o640"`, `"1777"`, `"06400"`, `"64"`, `"rw-r-----"`, `"0648"`, "[a]", "~"} {
		var got struct{ Mode FileMode }
		if err := parse(t, "mode: "+text).Decode(&got); err == nil {
			t.Errorf("mode: %s = %o, want a fault", text, got.Mode)
		}
	}
}

func TestFaultStandsWhereTheFieldStands(t *testing.T) {
	n := parse(t, "auth:\n  method: approle\npath: x\n")
	for _, test := range []struct {
		rule, field, path string
		line, column      int
	}{
		{"at its value", "path", "sinks.app.path", 3, 7},
		{"at a field of a field", "auth.method", "sinks.app.auth.method", 2, 11},
		{"at what it is missing from", "auth.role_id_file", "sinks.app.auth.role_id_file", 1, 1},
		{"at the node itself", "", "sinks.app", 1, 1},
	} {
		var f Fault
		if err := n.Fault(test.field, "wrong by %d", 3); !errors.As(err, &f) {
			t.Fatalf("%s: Fault returned %T", test.rule, err)
		}
		want := Fault{File: "f.yaml", Line: test.line, Column: test.column, Path: test.path, Message: "wrong by 3", doc: n.doc}
		if f != want {
			t.Errorf("%s: %s, want %s", test.rule, f, want)
		}
	}
	if got := (Node{}).Fault("x", "wrong").Error(); got != "x: wrong" {
		t.Errorf("the fault of a zero Node prints %q", got)
	}
}

func TestJoinSortsAndKeepsOtherErrors(t *testing.T) {
	n := parse(t, "a: 1\nb: 2\n")
	other := errors.New("socket in use")
	err := Join(n.Fault("b", "second"), errors.Join(other, n.Fault("a", "first")), nil, n.Fault("b", "second"))
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].Message != "first" {
		t.Errorf("faults are %v, want first and second, once each", faults)
	}
	if !errors.Is(err, other) {
		t.Errorf("%v does not have the error that is no fault", err)
	}
	if Join(nil, nil) != nil {
		t.Error("Join of nothing is an error")
	}
}

func TestDurationsMayHaveDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1d": day, "14d": 14 * day, "1d12h30m": 36*time.Hour + 30*time.Minute, "0": 0, "0d": 0, "65535d": 65535 * day,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%s is %s, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1d-1h", "1.5d", "1d2d", "1h2d", "1 d", "1w", "65536d", "65535d2562047h", "-1h", "1"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
}
