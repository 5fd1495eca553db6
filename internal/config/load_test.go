package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/test/need"
)

const good = "keys:\n  GOOD: {from: \"env://GOOD\"}\n"

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadRefusesWhatOthersMayWrite(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "livekey.yaml"), good)
	for mode, refused := range map[fs.FileMode]bool{
		0o400: false, 0o600: false, 0o644: false, 0o755: false, 0o620: true, 0o602: true, 0o666: true,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, testKinds)
		var faults Faults
		if got := errors.As(err, &faults); got != refused {
			t.Errorf("mode %o: %v, want refused: %v", mode, err, refused)
		}
		if refused && !strings.Contains(err.Error(), "chmod go-w "+path) {
			t.Errorf("mode %o: %v does not say how to mend it", mode, err)
		}
	}
}

func TestLoadRefusesAForeignOwner(t *testing.T) {
	need.All(t, "a config of another user is refused", need.Root)
	path := write(t, filepath.Join(t.TempDir(), "livekey.yaml"), good)
	if err := os.Chown(path, 4711, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, testKinds); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("Load of a file of user 4711: %v, want it refused", err)
	}
}

func TestLoadFollowsSymlinksToWhatIsThere(t *testing.T) {
	dir := t.TempDir() // as Kubernetes mounts a ConfigMap
	real := write(t, filepath.Join(dir, "..2026", "livekey.yaml"), good)
	link := filepath.Join(dir, "livekey.yaml")
	if err := os.Symlink(filepath.Join("..2026", "livekey.yaml"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link, testKinds); err != nil {
		t.Errorf("Load of a symlink: %v", err)
	}
	if err := os.Chmod(real, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link, testKinds); err == nil {
		t.Error("a symlink to a file that everybody may write was accepted")
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		if _, err := Load(path, testKinds); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("Load(%s): %v, want it refused", path, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), testKinds); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of nothing: %v, want fs.ErrNotExist", err)
	}
	large := write(t, filepath.Join(dir, "large.yaml"), good+strings.Repeat("#\n", maxSize))
	if _, err := Load(large, testKinds); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("Load of 2 MiB: %v, want it refused", err)
	}
}

func TestDropInsAddToEverySection(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "livekey.yaml"), good+"policy: {probe: 1h}\nstartup_wait: 5s\n")
	write(t, filepath.Join(dir, "livekey.d", "10.yaml"), "keys:\n  MORE: {from: \"env://MORE\"}\npolicy: {budget: 77}\nlog: {level: debug}\n")
	write(t, filepath.Join(dir, "livekey.d", "20.yaml"), "sinks:\n  env_file: {path: /x, keys: all}\n")
	write(t, filepath.Join(dir, "livekey.d", ".hidden.yaml"), "nonsense: true\n")
	write(t, filepath.Join(dir, "livekey.d", "30.yaml.bak"), "nonsense: true\n")
	c, err := Load(path, testKinds)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Keys) != 2 || len(c.Sinks["env_file"].Keys) != 2 || c.Policy.Budget != 77 || c.Policy.Probe.Hours() != 1 ||
		c.Keys["GOOD"].Policy.Budget != 77 || c.Log.Level != "debug" || c.StartupWait.Seconds() != 5 {
		t.Errorf("the files are not one config: %+v", c)
	}
}

func TestDropInsCannotSayAgain(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "livekey.yaml"), good+"policy: {probe: 1h}\nstartup_wait: 5s\n")
	drop := write(t, filepath.Join(dir, "livekey.d", "10.yaml"), good+"policy: {probe: 2h}\nstartup_wait: 6s\nkeyz: {}\n")
	_, err := Load(path, testKinds)
	want := drop + ":2:3: keys.GOOD: said twice: first at " + path + `:2:3; keep one of them
    GOOD: {from: ***}
    ^
` + drop + ":3:10: policy.probe: said twice: first at " + path + `:3:10; keep one of them
    policy: {probe: ***}
             ^
` + drop + ":4:1: startup_wait: said twice: first at " + path + `:4:1; keep one of them
    startup_wait: ***
    ^
` + drop + `:5:1: keyz: unknown field; did you mean "keys"?
    keyz: {}
    ^`
	if err == nil || err.Error() != want {
		t.Errorf("Load:\n%v\nwant:\n%s", err, want)
	}
	if err := os.Chmod(drop, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, testKinds); err == nil || !strings.Contains(err.Error(), "others may write it") {
		t.Errorf("a drop-in that everybody may write: %v, want it refused", err)
	}
}

func TestADropInFolderThatOthersMayWriteIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "livekey.yaml"), good)
	drops := filepath.Join(dir, "livekey.d")
	if err := os.Mkdir(drops, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, testKinds); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.Chmod(drops, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, testKinds)
	if want := drops + ": others may write it; chmod go-w " + drops; err == nil || err.Error() != want {
		t.Errorf("a folder that everybody may write: %v, want %s", err, want)
	}
}

func TestDropInsThatCannotBeListedAreNoConfig(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "livekey.yaml"), good)
	write(t, filepath.Join(dir, "livekey.d"), "no folder")
	if _, err := Load(path, testKinds); err == nil || !strings.Contains(err.Error(), "list drop-ins") {
		t.Errorf("livekey.d is a file: %v, want a fault: its entries would be missing silently", err)
	}
}

// The order decides who said a name first, and so how a fault reads.
func TestDropInsAreReadByName(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "livekey.yaml"), good)
	write(t, filepath.Join(dir, "livekey.d", "b.yaml"), "keys:\n  TWICE: {from: \"env://B\"}\n")
	first := write(t, filepath.Join(dir, "livekey.d", "a.yaml"), "keys:\n  TWICE: {from: \"env://A\"}\n")
	_, err := Load(path, testKinds)
	if err == nil || !strings.Contains(err.Error(), "b.yaml:2:3: keys.TWICE: said twice: first at "+first+":2:3") {
		t.Errorf("Load: %v", err)
	}
}

func TestFindPrefersWhatWasNamed(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	if _, err := os.Stat("/etc/livekey"); err == nil {
		t.Skip("this machine has a livekey of its own")
	}
	if _, err := Find(""); !errors.Is(err, ErrNoConfig) {
		t.Errorf("Find with nothing there: %v, want ErrNoConfig", err)
	}
	own := write(t, filepath.Join(home, "livekey", "livekey.yaml"), good)
	if got, err := Find(""); err != nil || got != own {
		t.Errorf("Find = %s, %v; want %s", got, err, own)
	}
	if got, err := Find("/elsewhere/x.yaml"); err != nil || got != "/elsewhere/x.yaml" {
		t.Errorf("Find of a name = %s, %v; want the name, there or not", got, err)
	}
	if got, err := Find("x.yaml"); err != nil || !filepath.IsAbs(got) {
		t.Errorf("Find of a relative name = %s, %v; want an absolute path", got, err)
	}
}

func TestANewConfigIsPlacedWhereItIsFound(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	for _, test := range []struct{ rule, named, configHome, want string }{
		{"what was named", "/elsewhere/x.yaml", "/c", "/elsewhere/x.yaml"},
		{"the user's own", "", "/c", "/c/livekey/livekey.yaml"},
		{"the user's own without XDG folders", "", "", "/home/u/.config/livekey/livekey.yaml"},
		{"a relative folder counts as none", "", "c", "/home/u/.config/livekey/livekey.yaml"},
	} {
		t.Setenv("XDG_CONFIG_HOME", test.configHome)
		if test.named == "" && os.Geteuid() == 0 {
			test.rule, test.want = "root's is the machine's", "/etc/livekey/livekey.yaml"
		}
		if got, err := Place(test.named); err != nil || got != test.want {
			t.Errorf("%s: Place = %s, %v; want %s", test.rule, got, err, test.want)
		}
	}
}

func TestDefaultFolders(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	for _, test := range []struct {
		rule               string
		system             bool
		stateHome, runtime string
		state, socket      string
	}{
		{"the machine's", true, "/s", "/r", "/var/lib/livekey", "/run/livekey/livekey.sock"},
		{"a user's", false, "/s", "/r", "/s/livekey", "/r/livekey/livekey.sock"},
		{"a user's without XDG folders", false, "", "", "/home/u/.local/state/livekey", "/home/u/.local/state/livekey/livekey.sock"},
		{"a relative folder counts as none", false, "s", "r", "/home/u/.local/state/livekey", "/home/u/.local/state/livekey/livekey.sock"},
	} {
		t.Setenv("XDG_STATE_HOME", test.stateHome)
		t.Setenv("XDG_RUNTIME_DIR", test.runtime)
		if c := Default(test.system); c.StateDir != test.state || c.Socket != test.socket {
			t.Errorf("%s: %s and %s, want %s and %s", test.rule, c.StateDir, c.Socket, test.state, test.socket)
		}
	}
}

func TestKeysDirIsAConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := keysDir(filepath.Join(dir, "none"), "/x/keys.env", testKinds); !errors.Is(err, ErrNoConfig) {
		t.Errorf("no folder: %v, want ErrNoConfig", err)
	}
	if _, err := keysDir(dir, "/x/keys.env", testKinds); !errors.Is(err, ErrNoConfig) {
		t.Errorf("an empty folder: %v, want ErrNoConfig", err)
	}
	for _, name := range []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", ".swp", "OLD~"} {
		write(t, filepath.Join(dir, name), "canary")
	}
	c, err := keysDir(dir, "/x/keys.env", testKinds)
	if err != nil {
		t.Fatal(err)
	}
	k := c.Keys["OPENAI_API_KEY"]
	if len(c.Keys) != 2 || k.From["value"].Path != filepath.Join(dir, "OPENAI_API_KEY") || k.Env["OPENAI_API_KEY"] != "value" {
		t.Errorf("keys are %+v", c.Keys)
	}
	var path struct{ Path string }
	if err := c.Sinks["keys"].Settings.Decode(&path); err != nil || path.Path != "/x/keys.env" || len(c.Sinks["keys"].Keys) != 2 {
		t.Errorf("the sink is %+v (%v)", c.Sinks["keys"], err)
	}
	write(t, filepath.Join(dir, "my-key.txt"), "canary")
	if _, err := keysDir(dir, "/x/keys.env", testKinds); err == nil || !strings.Contains(err.Error(), "my-key.txt") {
		t.Errorf("a file whose name is no variable: %v, want a fault that names it", err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := keysDir(dir, "/x/keys.env", testKinds); err == nil || !strings.Contains(err.Error(), "others may write it") {
		t.Errorf("a folder that everybody may write: %v, want it refused", err)
	}
}

// The folder is looked for first: who has none is told that there is no config.
func TestKeysDirOfAUserWithoutARuntimeFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", home)
	if _, err := userKeysDir(testKinds); !errors.Is(err, ErrNoConfig) {
		t.Errorf("no folder: %v, want ErrNoConfig", err)
	}
	dir := filepath.Join(home, "livekey", "keys.d")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "OPENAI_API_KEY"), "canary")
	c, err := userKeysDir(testKinds)
	if faults, found := errors.AsType[Faults](err); !found || len(faults) != 1 || !strings.Contains(err.Error(), "XDG_RUNTIME_DIR is not set") {
		t.Errorf("keys without a sink: %v, want one fault that names XDG_RUNTIME_DIR", err)
	}
	if c == nil || c.Socket == "" || len(c.Keys) != 1 {
		t.Errorf("the rest of the config is %+v, want its key and its socket", c)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	t.Chdir(filepath.Dir(dir)) // a keys.d here is nobody's choice
	if _, err := userKeysDir(testKinds); !errors.Is(err, ErrNoConfig) {
		t.Errorf("no home: %v, want ErrNoConfig", err)
	}
}
