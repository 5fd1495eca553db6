package holders_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/holders"
)

// replace writes a file as a sink does: a new inode under the old name.
func replace(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path+".new", []byte(content), 0o600))
	must(t, os.Rename(path+".new", path))
}

// A program that keeps the file open goes on reading what was replaced.
func TestAReplacedFileThatIsHeldOpen(t *testing.T) {
	z := newZoo(t, "P5: a process that holds a sink's replaced file open is named")
	path := filepath.Join(t.TempDir(), "app.env")
	replace(t, path, "K="+z.value()+"\n")
	a := z.keep([]string{"PATH=/bin:/usr/bin"}, program(t, "tail"), "-f", path)
	opened := func() bool {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", a.Process.Pid))
		for _, l := range links {
			if to, err := os.Readlink(l); err == nil && to == path {
				return true
			}
		}
		return false
	}
	for end := time.Now().Add(patience); !opened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("tail does not open it")
		}
	}
	w := z.wanted(z.value())
	w.Files = []string{path}
	inode := func(s holders.Sighting) bool { return s.Kind == holders.OldInode }
	if scan := z.look(w); len(scan.Sightings) != 0 {
		t.Errorf("it holds the newest file, but %+v", scan.Sightings)
	}
	replace(t, path, "K="+z.value()+"\n")
	s := z.until("tail with the old file", w, inode)
	if s.PID != a.Process.Pid || s.Path != path || s.Print != "" || s.Command != "tail" {
		t.Errorf("got %+v", s)
	}
}

// A container that mounts the file and not its folder has the file of that moment for ever.
func TestAMountOfASingleFile(t *testing.T) {
	z := newZoo(t, "P5: a mount of a single file, which sees no rename, is named", rootThings...)
	dir := z.openDir()
	path, inside := filepath.Join(dir, "app.env"), filepath.Join(dir, "inside.env")
	replace(t, path, "K="+z.value()+"\n")
	must(t, os.WriteFile(inside, nil, 0o600))
	folder := filepath.Join(dir, "folder")
	must(t, os.Mkdir(folder, 0o755))
	keep := func(script string) *exec.Cmd {
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script)
		cmd.Env = []string{"PATH=/bin:/usr/bin:/usr/sbin"}
		return z.start(cmd)
	}
	// One mounts the file, the other the folder, and so sees every rename.
	file := keep("mount --bind " + path + " " + inside + " && exec sleep 60")
	whole := keep("mount --bind " + dir + " " + folder + " && exec sleep 60")
	w := z.wanted(z.value())
	w.Files = []string{path}
	mount := func(s holders.Sighting) bool { return s.Kind == holders.OneFile }
	z.until("the mount of the file", w, mount)
	replace(t, path, "K="+z.value()+"\n")
	s := z.until("the mount of the file that was replaced", w, mount)
	if s.PID != file.Process.Pid || s.Print != "" || !strings.HasSuffix(s.Path, ".env") {
		t.Errorf("got %+v", s)
	}
	for _, s := range z.look(w).Sightings {
		if s.PID == whole.Process.Pid {
			t.Errorf("a mount of the folder sees each rename: %+v", s)
		}
	}
}
