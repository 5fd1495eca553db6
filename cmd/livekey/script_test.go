package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/livekey/livekey/internal/fakeissuer"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"livekey": main})
}

// What a script has beside its environment.
const (
	issuerKey = "issuer"
	valuesKey = "values" // map[string]string: its keys, by the name of their variable
)

// TestScripts runs testdata/script: one promise to a user each. A script has an
// issuer at $ISSUER of its own, which knows $LIVE and $SECOND, of $SECOND's own
// organization $FOREIGN, has $BROKE out of credit, and never heard of $DEAD; $ADMIN is the admin
// key of that organization, whose list has $LIVE as CI, with two days left. $TAKEN
// is its address without a scheme.
//
//	exits N CMD…   runs CMD, which must exit with N, and print none of these keys
//	put FILE TEXT  writes TEXT without a newline
//	expand FILE    replaces $VARIABLES in FILE
//	revoke KEY     makes the issuer refuse a key
//	portal         lets a captive portal answer instead of the issuer
//	until CMD… :: PATTERN   runs CMD again and again until it prints PATTERN
//	nowhere        looks for the keys in the files named, which must not have them
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			issuer := fakeissuer.New()
			url, stop, err := issuer.Start()
			if err != nil {
				return err
			}
			e.Defer(stop)
			e.Values[issuerKey] = issuer
			account := fakeissuer.Account{Organization: "org-1", Workspace: "ws-1"}
			for name, state := range map[string]fakeissuer.State{
				"LIVE": fakeissuer.Live, "SECOND": fakeissuer.Live, "BROKE": fakeissuer.NoCredit,
			} {
				key := fakeissuer.NewAnthropicKey()
				a := account
				a.State = state
				if name == "LIVE" {
					a.Name, a.Owner, a.ExpiresAt = "CI", "svac_1", time.Now().Add(48*time.Hour)
				}
				issuer.Add(key, a)
				e.Setenv(name, key)
			}
			foreign := fakeissuer.NewAnthropicKey()
			issuer.Add(foreign, fakeissuer.Account{Organization: "org-2", Workspace: "ws-9"})
			e.Setenv("FOREIGN", foreign)
			e.Setenv("DEAD", fakeissuer.NewAnthropicKey())
			admin := fakeissuer.NewAnthropicAdminKey()
			issuer.Add(admin, fakeissuer.Account{Organization: "org-1"})
			e.Setenv("ADMIN", admin)
			values := map[string]string{}
			for _, name := range keysOfAScript {
				values[name] = e.Getenv(name)
			}
			e.Values[valuesKey] = values
			e.Setenv("ISSUER", url)
			configs, err := filepath.Abs("../../configs")
			if err != nil {
				return err
			}
			e.Setenv("CONFIGS", configs)
			me, err := user.Current()
			if err != nil {
				return err
			}
			e.Setenv("USER_NAME", me.Username)
			e.Setenv("TAKEN", strings.TrimPrefix(url, "http://"))
			for _, dir := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HOME"} {
				e.Setenv(dir, filepath.Join(e.WorkDir, strings.ToLower(dir)))
			}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "sees" { // whether a scan of this user can look at every process
				return false, fmt.Errorf("no condition %q", condition)
			}
			return seesAll(), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "put": put, "expand": expand, "revoke": revoke, "portal": portal, "nowhere": nowhere, "until": until,
		},
	})
}

var keysOfAScript = []string{"LIVE", "SECOND", "BROKE", "FOREIGN", "DEAD", "ADMIN"}

// leaks fails the script if text has one of its keys.
func leaks(ts *testscript.TestScript, where, text string) {
	for name, value := range ts.Value(valuesKey).(map[string]string) { // a script may take them out of its environment
		if strings.Contains(text, value) {
			ts.Fatalf("%s has the value of $%s", where, name)
		}
	}
}

// seesAll says whether every process shows its environment.
func seesAll() bool {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		f, errOpen := os.Open(file)
		if errors.Is(errOpen, fs.ErrPermission) {
			return false
		}
		if errOpen == nil {
			_ = f.Close()
		}
	}
	return err == nil && len(all) > 0
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	leaks(ts, "stdout", ts.ReadFile("stdout"))
	leaks(ts, "stderr", ts.ReadFile("stderr"))
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func put(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: put FILE TEXT")
	}
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file+".new", []byte(args[1]), 0o600))
	ts.Check(os.Rename(file+".new", file))
}

func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

func issuerOf(ts *testscript.TestScript) *fakeissuer.Issuer {
	return ts.Value(issuerKey).(*fakeissuer.Issuer)
}

func revoke(ts *testscript.TestScript, _ bool, args []string) {
	for _, key := range args {
		issuerOf(ts).Revoke(key)
	}
}

func portal(ts *testscript.TestScript, _ bool, _ []string) { issuerOf(ts).Mode(fakeissuer.Portal) }

func nowhere(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		err := filepath.WalkDir(ts.MkAbs(name), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			leaks(ts, path, ts.ReadFile(path))
			return nil
		})
		ts.Check(err)
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	sep := slices.Index(args, "::")
	if sep < 1 || sep != len(args)-2 {
		ts.Fatalf("usage: until CMD… :: PATTERN")
	}
	want, err := regexp.Compile("(?m)" + args[sep+1])
	ts.Check(err)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_ = ts.Exec(args[0], args[1:sep]...)
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("never printed %s", args[sep+1])
}
