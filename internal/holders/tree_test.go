package holders

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

const (
	wantedKey = "sk-livekey-the-wanted-key-0001"
	otherKey  = "sk-livekey-the-other-wanted-one-2"
	canary    = "CANARY-of-somebody-else-7f3a"
)

var hasher = secret.NewHasher(secret.New([]byte("salt")))

func printOf(s string) key.Fingerprint { return hasher.Part(secret.New([]byte(s))) }

func wanted(files ...string) Wanted {
	return Wanted{Hasher: hasher, Prints: []key.Fingerprint{printOf(wantedKey), printOf(otherKey)}, Files: files}
}

// tree is a procfs of plain files.
type tree struct {
	t   *testing.T
	dir string
}

// fake is one process of a tree.
type fake struct {
	pid, parent int
	start       uint64
	uid         int
	comm, exe   string
	environ     []string
	cgroup      string
}

// newTree has a first process, as each does.
func newTree(t *testing.T) tree {
	tr := tree{t, t.TempDir()}
	tr.put("self/mountinfo", "")
	tr.add(fake{pid: 1, start: 1, comm: "systemd", exe: "/usr/lib/systemd/systemd", cgroup: "0::/init.scope\n", uid: 0})
	return tr
}

func (tr tree) put(name, text string) {
	tr.t.Helper()
	path := filepath.Join(tr.dir, name)
	must(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(tr.t, os.WriteFile(path, []byte(text), 0o644))
}

func (tr tree) link(name, to string) {
	tr.t.Helper()
	path := filepath.Join(tr.dir, name)
	must(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(tr.t, os.Symlink(to, path))
}

func (tr tree) add(f fake) {
	tr.t.Helper()
	dir := strconv.Itoa(f.pid) + "/"
	tr.put(dir+"stat", statText(f))
	tr.put(dir+"status", "Name:\tx\nUid:\t"+strings.Repeat(strconv.Itoa(f.uid)+"\t", 4)+"\nVmSize:\t 1 kB\n"+statusRest)
	tr.put(dir+"comm", f.comm+"\n")
	tr.put(dir+"cgroup", f.cgroup)
	tr.put(dir+"environ", environ(f.environ...))
	if f.exe != "" {
		tr.link(dir+"exe", f.exe)
	}
}

// statusRest is what else every process has in its status.
const statusRest = "Gid:\t0\t0\t0\t0\nGroups:\t\nSigCgt:\t0000000000000000\nCapEff:\t0000000000000000\n"

func statText(f fake) string {
	after := make([]string, 50)
	for i := range after {
		after[i] = "0"
	}
	after[0], after[1], after[19] = "S", strconv.Itoa(f.parent), strconv.FormatUint(f.start, 10)
	return strconv.Itoa(f.pid) + " (" + f.comm + ") " + strings.Join(after, " ") + "\n"
}

func environ(variables ...string) string {
	if len(variables) == 0 {
		return ""
	}
	return strings.Join(variables, "\x00") + "\x00"
}

func (tr tree) look(w Wanted, globs ...string) Scan {
	tr.t.Helper()
	found, err := NewLocal(Options{Proc: tr.dir, Files: globs}).Look(context.Background(), w)
	must(tr.t, err)
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
