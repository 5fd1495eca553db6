package servers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/livekey/livekey/test/need"
)

// ferretDB is the module that speaks MongoDB's protocol, and its version.
const ferretDB, ferretDBVersion = "github.com/FerretDB/FerretDB", "v1.24.2"

// BuildFerretDB returns the path of a FerretDB, built first if the cache does not have
// it. Its command reads its version from a file that its module does not have: it is
// built from a copy that does.
func BuildFerretDB() (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "ferretdb.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	binary := filepath.Join(cache, "ferretdb-"+ferretDBVersion)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	out, err := goCommand(cache, "mod", "download", "-json", ferretDB+"@"+ferretDBVersion).Output()
	if err != nil {
		return "", fmt.Errorf("download %s: %w", ferretDB, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", err
	}
	source := binary + ".source"
	if err := os.RemoveAll(source); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(source) }()
	if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil {
		return "", err
	}
	version := filepath.Join(source, "build", "version", "version.txt")
	if err := os.WriteFile(version, []byte(ferretDBVersion+"\n"), 0o600); err != nil {
		return "", err
	}
	cmd := goCommand(source, append(append([]string{"build"}, buildFlags...), "-o", binary+".partial", "./cmd/ferretdb")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", ferretDB, err, out)
	}
	return binary, os.Rename(binary+".partial", binary)
}

// BuildMongo returns the path of the program of test/mongodb: the official driver.
func BuildMongo() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return build("mongodb", filepath.Join(root, "test", "mongodb"))
}

// A FerretDB is a server of MongoDB's protocol with accounts. Its account admin has the
// password "admin", in the database admin.
type FerretDB struct {
	*Database
	client string
}

// NewFerretDB makes and starts a server.
func NewFerretDB(t testing.TB, promise string) *FerretDB {
	t.Helper()
	need.All(t, promise)
	binary, err := BuildFerretDB()
	if err != nil {
		t.Fatal(err)
	}
	client, err := BuildMongo()
	if err != nil {
		t.Fatal(err)
	}
	d := newDatabase(t, "mongo")
	d.program = filepath.Join(d.Dir, "ferretdb") // the cache may be closed to whoever runs it
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	d.args = []string{
		"--handler=sqlite", "--sqlite-url=file:" + d.Dir + "/", "--state-dir=" + d.Dir, "--listen-addr=" + d.Address(), "--debug-addr=-",
		"--telemetry=disable", "--log-level=warn", "--test-enable-new-auth",
		"--setup-database=admin", "--setup-username=admin", "--setup-password=admin",
	}
	f := &FerretDB{Database: d, client: client}
	f.Start()
	return f
}

// Run runs a command with the official driver, logged in as uri says.
func (f *FerretDB) Run(uri, database, command string) (string, error) {
	out, err := exec.Command(f.client, uri, database, command).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

// Do runs a command as admin.
func (f *FerretDB) Do(database, command string) {
	f.t.Helper()
	if _, err := f.Run(f.DSN("mongodb", "admin", "admin", ""), database, command); err != nil {
		f.t.Fatalf("%s: %v", command, err)
	}
}
