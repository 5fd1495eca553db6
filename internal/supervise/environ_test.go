package supervise

import (
	"slices"
	"testing"
)

func TestWhatAChildGetsOfTheEnvironment(t *testing.T) {
	environ := []string{"PATH=/bin", "LC_ALL=C", "HOME=/root", "APP_A=a=b", "APP_B=", "TOKEN=t", "LISTEN_FDS=1", "NOTIFY_SOCKET=/n", "KEY=stale", "=odd", "odd"}
	own := []string{"TOKEN", "HOME"} // a source's program needs HOME, and so does the child
	for _, c := range []struct {
		rule  string
		rules Rules
		want  []string
	}{
		{"all but what is livekey's own", Rules{}, []string{"PATH=/bin", "LC_ALL=C", "HOME=/root", "APP_A=a=b", "APP_B=", "NOTIFY_SOCKET=/n"}},
		{"pristine is the basics", Rules{Pristine: true}, []string{"PATH=/bin", "LC_ALL=C", "HOME=/root"}},
		{"allow adds to the basics", Rules{Pristine: true, Allow: []string{"APP_?"}}, []string{"PATH=/bin", "LC_ALL=C", "HOME=/root", "APP_A=a=b", "APP_B="}},
		{"allow hands on what is livekey's own", Rules{Pristine: true, Allow: []string{"TOKEN", "LISTEN_*"}}, []string{"PATH=/bin", "LC_ALL=C", "HOME=/root", "TOKEN=t", "LISTEN_FDS=1"}},
		{"deny wins", Rules{Allow: []string{"*"}, Deny: []string{"APP_*", "PATH", "LISTEN_*"}}, []string{"LC_ALL=C", "HOME=/root", "TOKEN=t", "NOTIFY_SOCKET=/n"}},
		{"nothing hands a stale key on", Rules{Pristine: true, Allow: []string{"KEY"}}, []string{"PATH=/bin", "LC_ALL=C", "HOME=/root"}},
	} {
		c.rules.Own, c.rules.Managed = own, []string{"KEY"}
		if got := c.rules.Pick(environ); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.rule, got, c.want)
		}
	}
	if got := (Rules{}).Pick(nil); got == nil {
		t.Error("nothing is nil, which os.StartProcess takes for everything")
	}
}

func TestAPatternThatIsNoneIsRefused(t *testing.T) {
	for pattern, fine := range map[string]bool{"A*": true, "[AB]": true, "[A": false, `\`: false} {
		for _, r := range []Rules{{Allow: []string{pattern}}, {Deny: []string{"B", pattern}}} {
			if err := r.Lint(); (err == nil) != fine {
				t.Errorf("%q: %v", pattern, err)
			}
		}
	}
}
