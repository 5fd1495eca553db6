package sources_test

import (
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

func TestLintParams(t *testing.T) {
	for _, test := range []struct {
		rule          string
		params, field string
		want          []string // parts of the fault; none: no fault
	}{
		{"no parameters are fine", "", "", nil},
		{"a parameter of the kind is fine", "stage=PENDING", "", nil},
		{"format is known to every kind", "format=json", "a", nil},
		{"an unknown parameter is named, with those there are", "fromat=json", "", []string{`"fromat"`, "format, stage"}},
		{"every unknown parameter is named", "a=1&b=2", "", []string{`"a"`, `"b"`}},
		{"a format that does not exist is named", "format=yaml", "", []string{"format=yaml", "plain, json, env"}},
		{"plain has no fields", "format=plain", "a", []string{`no field "a"`}},
		{"env needs a variable", "format=env", "", []string{"#NAME"}},
		{"env has no pointers", "format=env", "/A", []string{"#A"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			err := sources.LintParams(key.Ref{Location: key.Location{Source: "x", Params: test.params}, Field: test.field}, "stage")
			if (err != nil) != (test.want != nil) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("err = %v, want %q in it", err, part)
				}
			}
		})
	}
}
