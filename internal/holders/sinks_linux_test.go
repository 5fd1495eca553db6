package holders

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A tree in which sinks are on a tmpfs at /run.
func treeWithSinks(t *testing.T) tree {
	tr := newTree(t)
	tr.put("self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/vda rw\n30 22 0:25 / /run rw - tmpfs tmpfs rw\n")
	tr.put("1/mountinfo", "22 1 8:1 / / rw - ext4 /dev/vda rw\n30 22 0:25 / /run rw - tmpfs tmpfs rw\n")
	tr.link("1/ns/mnt", "mnt:[1]")
	return tr
}

const (
	fileSink   = "/run/livekey/app.env"
	folderSink = "/run/livekey/app/"
)

func (tr tree) opened(pid int, fd, link, mount string) {
	tr.link(fmt.Sprintf("%d/fd/%s", pid, fd), link)
	tr.put(fmt.Sprintf("%d/fdinfo/%s", pid, fd), "pos:\t0\nflags:\t0100000\nmnt_id:\t"+mount+"\n")
}

func TestWhoHoldsAReplacedFileOpen(t *testing.T) {
	const host = "22 1 8:1 / / rw - ext4 /dev/vda rw\n30 22 0:25 / /run rw - tmpfs tmpfs rw\n"
	for _, c := range []struct {
		name, link, mount, mountinfo, want string
	}{
		{"the file of before", "/run/livekey/app.env (deleted)", "30", host, "/run/livekey/app.env"},
		{"the file of now", "/run/livekey/app.env", "30", host, ""},
		{"a file of another name", "/run/livekey/app.env2 (deleted)", "30", host, ""},
		{"one of that name elsewhere", "/tmp/app.env (deleted)", "22", host, ""},
		{"one of that path in another file system", "/run/livekey/app.env (deleted)", "22", "22 1 8:9 / / rw - ext4 /dev/vda rw\n", ""},
		{"through a container's mount of the directory", "/keys/app.env (deleted)", "50", "50 1 0:25 /livekey /keys rw - tmpfs tmpfs rw\n", "/run/livekey/app.env"},
		{"a generation that is gone", "/run/livekey/app/..2026_11_23_22_30_00.0f/KEY (deleted)", "30", host, "/run/livekey/app/KEY"},
		{"a generation in a container", "/keys/..2026_11_23_22_30_00.0f/KEY (deleted)", "50", "50 1 0:25 /livekey/app /keys rw - tmpfs tmpfs rw\n", "/run/livekey/app/KEY"},
		{"nothing that has a path", "/memfd:x (deleted)", "1", host, ""},
		{"a mount that is gone", "/run/livekey/app.env (deleted)", "99", host, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := treeWithSinks(t)
			tr.add(fake{pid: 7, start: 5, comm: "app", cgroup: "0::/system.slice/app.service\n"})
			tr.put("7/mountinfo", c.mountinfo)
			tr.opened(7, "3", c.link, c.mount)
			tr.opened(7, "4", c.link, c.mount) // once is enough
			var got []string
			for _, s := range tr.look(wanted(fileSink, folderSink)).Sightings {
				if s.Kind != OldInode || s.PID != 7 || s.Unit != "app.service" || s.Print != "" {
					t.Errorf("got %+v", s)
				}
				got = append(got, s.Path)
			}
			if want := slices.DeleteFunc([]string{c.want}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if got := tr.look(wanted()).Sightings; len(got) != 0 {
				t.Errorf("no sink is asked for, yet: %+v", got)
			}
		})
	}
}

func TestMountsOfASingleFile(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"the file", "0:25 /livekey/app.env /etc/app.env", "/run/livekey/app.env"},
		{"the file of before", "0:25 /livekey/app.env//deleted /etc/app.env", "/run/livekey/app.env"},
		{"the directory of the file", "0:25 /livekey /etc/livekey", ""},
		{"a file of that path in another file system", "0:26 /livekey/app.env /etc/app.env", ""},
		{"the directory sink", "0:25 /livekey/app /keys", ""},
		{"a file of it", "0:25 /livekey/app/..2026_11_23_22_30_00.0f/KEY /keys/KEY", "/run/livekey/app/KEY"},
		{"a file of it that is gone", "0:25 /livekey/app/..2026_11_23_22_30_00.0f/KEY//deleted /keys/KEY", "/run/livekey/app/KEY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := treeWithSinks(t)
			for _, pid := range []int{7, 8} {
				tr.add(fake{pid: pid, start: 5, comm: "app", cgroup: "0::/docker/" + id + "\n"})
				tr.put(fmt.Sprintf("%d/mountinfo", pid), "50 1 "+c.line+" rw - tmpfs tmpfs rw\n")
				tr.link(fmt.Sprintf("%d/ns/mnt", pid), "mnt:[7]")
			}
			var got []string
			for _, s := range tr.look(wanted(fileSink, folderSink)).Sightings {
				if s.Kind != OneFile || s.PID != 7 || s.Container != id {
					t.Errorf("got %+v", s)
				}
				got = append(got, s.Path)
			}
			if want := slices.DeleteFunc([]string{c.want}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestAMountOfTheMachineIsToldOnce(t *testing.T) {
	tr := treeWithSinks(t)
	const line = "50 22 0:25 /livekey/app.env /etc/app.env rw - tmpfs tmpfs rw\n"
	tr.put("1/mountinfo", line)
	tr.add(fake{pid: 7, start: 5, comm: "app"})
	tr.put("7/mountinfo", line) // a service's own namespace begins as a copy
	tr.link("7/ns/mnt", "mnt:[7]")
	if got := tr.look(wanted(fileSink)).Sightings; len(got) != 1 || got[0].PID != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestARealChildWithAReplacedFile(t *testing.T) {
	dir := t.TempDir()
	file, next := filepath.Join(dir, "app.env"), filepath.Join(dir, "next")
	must(t, os.WriteFile(file, []byte("1"), 0o600))
	f, err := os.Open(file)
	must(t, err)
	child := exec.Command("/bin/sleep", "60")
	child.Stdin = f
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	must(t, f.Close())
	look := func() (pids []int) {
		found, err := NewLocal(Options{}).Look(context.Background(), Wanted{Hasher: hasher, Files: []string{file}})
		must(t, err)
		for _, s := range found.Sightings {
			if s.Kind != OldInode || s.Path != file || s.Command != "sleep" {
				t.Errorf("got %+v", s)
			}
			pids = append(pids, s.PID)
		}
		return pids
	}
	if got := look(); len(got) != 0 {
		t.Errorf("nothing is replaced yet: %v", got)
	}
	must(t, os.WriteFile(next, []byte("2"), 0o600))
	must(t, os.Rename(next, file))
	if got := look(); !slices.Equal(got, []int{child.Process.Pid}) {
		t.Errorf("got %v, want %d", got, child.Process.Pid)
	}
}
