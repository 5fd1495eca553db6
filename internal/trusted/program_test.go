package trusted_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/test/need"
)

// program makes dir/bin/tool in a folder of its own.
func program(t *testing.T) (dir, tool string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	tool = filepath.Join(dir, "bin", "tool")
	must(t, os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o700))
	return dir, tool
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestAProgramThatOthersCouldReplaceIsRefused(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(dir, tool string) error
		names  string // in the refusal; empty: it is let pass
	}{
		{"ours alone", func(_, _ string) error { return nil }, ""},
		{"the file", func(_, tool string) error { return os.Chmod(tool, 0o775) }, "bin/tool: others may write it"},
		{"the folder it is in", func(dir, _ string) error { return os.Chmod(filepath.Join(dir, "bin"), 0o777) }, "bin: others may write it"},
		{"a folder further up", func(dir, _ string) error { return os.Chmod(dir, 0o775) }, "chmod go-w"},
		{"a sticky folder is as good as one of ours", func(dir, _ string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) }, ""},
		{"a folder is no program", func(_, tool string) error { return errors.Join(os.Remove(tool), os.Mkdir(tool, 0o700)) }, "not a regular file"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			dir, tool := program(t)
			must(t, c.change(dir, tool))
			err := trusted.CheckProgram(tool)
			if refused(err) != (c.names != "") || err != nil && !strings.Contains(err.Error(), c.names) {
				t.Errorf("err %v, want %q", err, c.names)
			}
		})
	}
}

func TestTheWayThroughSymlinksIsLookedAtToo(t *testing.T) {
	dir, tool := program(t)
	open := filepath.Join(dir, "open")
	must(t, os.Mkdir(open, 0o777), os.Chmod(open, 0o777))
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		must(t, os.Symlink(to, path))
		return path
	}
	for _, good := range []string{link("absolute", tool), link("relative", "bin/../bin/tool"), link("folder", "bin") + "/tool"} {
		if err := trusted.CheckProgram(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	must(t, os.Symlink(tool, filepath.Join(open, "tool"))) // whoever may write there may point it elsewhere
	for _, bad := range []string{filepath.Join(open, "tool"), link("by", filepath.Join(open, "tool")), link("self", "self"), "bin/tool"} {
		if err := trusted.CheckProgram(bad); !refused(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := trusted.CheckProgram(tool + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestAProgramOrALinkOfAnotherUserIsRefused(t *testing.T) {
	need.All(t, "a program that another user owns is not run", need.Root)
	for _, name := range []string{"bin", "bin/tool", "link"} {
		dir, tool := program(t)
		must(t, os.Symlink(tool, filepath.Join(dir, "link")), os.Lchown(filepath.Join(dir, name), 4711, -1))
		if err := trusted.CheckProgram(filepath.Join(dir, "link")); !refused(err) {
			t.Errorf("%s of user 4711: %v", name, err)
		}
	}
}
