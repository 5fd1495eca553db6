package peers

import (
	"errors"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

const status = `{"epoch":"0123456789ab","ready":true,"future":[1],"keys":[{"name":"K","provider":"anthropic",` +
	`"current":{"version":"2","fingerprint":"15ac7e302ab4","outcome":"live"},"holders":{"current":3,"older":1}}],"alerts":[]}`

// canary stands for something that a program printed by mistake.
const canary = "sk-ant-api03-CANARYcanary0123456789"

func sh(script string) *Peer { return New("web-2", []string{"/bin/sh", "-c", script}) }

func TestAPeerTellsItsStatus(t *testing.T) {
	for _, script := range []string{"echo '" + status + "'", "echo '" + status + "'; exit 3"} {
		s, err := sh(script).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if k := s.Keys[0]; s.Epoch != "0123456789ab" || k.Current.Outcome != key.Live || k.Holders.Older != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestWhatIsNoStatusIsAnErrorThatQuotesNothing(t *testing.T) {
	for _, c := range []struct{ rule, script, says string }{
		{"a program that fails says why", "echo no route to host >&2; exit 255", "ask peer web-2: the program ended with exit code 255: no route to host"},
		{"one that says nothing fails too", "exit 255", "said nothing about it"},
		{"a text is no status", "echo " + canary, "no JSON"},
		{"nor is half of one", "printf %s '" + status[:40] + "'", "no JSON"},
		{"nor another program's JSON", `echo '{"keys":[]}'`, "no JSON"},
		{"nor what a journal remembers", `echo '{"ready":false,"keys":[],"alerts":[]}'`, "that runs"},
		{"nor two of them", "echo '" + status + "' '" + status + "'", "no JSON"},
		{"one that never stops is killed", "cat /dev/zero", "printed more than"},
	} {
		_, err := sh(c.script).Status(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.says)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error quotes what was printed", c.rule)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte(`{"epoch":"x","keys":[{"current":null,"holders":null}]}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(strings.Repeat(`{"keys":[`, 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err == nil && (s.Epoch == "" || s.Keys == nil) {
			t.Errorf("%q is taken for a status", b)
		}
		if err != nil && !errors.Is(err, errNoStatus) {
			t.Errorf("the error may quote the answer: %v", err)
		}
	})
}
