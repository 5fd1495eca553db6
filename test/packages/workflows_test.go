package packages

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// workflow is what these tests look at.
type workflow struct {
	Permissions *map[string]string
	Jobs        map[string]struct {
		Permissions    *map[string]string
		TimeoutMinutes int `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses string
			Run  string
			With map[string]any
		}
	}
}

func workflows(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../.github/workflows/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d workflows found (%v)", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		all[filepath.Base(f)] = read(t, f)
	}
	return all
}

// A tag can be moved by whoever owns the action; a commit cannot.
func TestEveryActionIsPinnedToACommit(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses:(.*)$`)
	pinned := regexp.MustCompile(`^ ([a-z-]+/[a-z-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$`)
	pins := map[string]string{}
	for name, text := range workflows(t) {
		found := uses.FindAllSubmatch(text, -1)
		if len(found) == 0 || len(found) != bytes.Count(text, []byte("uses:")) {
			t.Errorf("%s: %d actions found", name, len(found))
		}
		for _, m := range found {
			pin := pinned.FindStringSubmatch(string(m[1]))
			if pin == nil {
				t.Errorf("%s: uses:%s is not pinned to 40 hex digits, with its version behind", name, m[1])
				continue
			}
			if at := pin[2] + " " + pin[3]; pins[pin[1]] != "" && pins[pin[1]] != at {
				t.Errorf("%s: %s is pinned to %s, and elsewhere to %s", name, pin[1], at, pins[pin[1]])
			} else {
				pins[pin[1]] = at
			}
		}
	}
}

func TestWorkflowsMayDoWhatTheySayAndNoMore(t *testing.T) {
	t.Parallel()
	makefile := string(read(t, "../../Makefile"))
	for name, text := range workflows(t) {
		if bytes.Contains(text, []byte("pull_request_target")) {
			t.Errorf("%s: what a stranger wrote would run with this repository's rights", name)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w.Permissions == nil || len(*w.Permissions) > 0 {
			t.Errorf("%s: no permissions: {} at its top", name)
		}
		for id, job := range w.Jobs {
			if job.Permissions == nil || job.TimeoutMinutes == 0 {
				t.Errorf("%s: job %s does not say what it may do, and for how long", name, id)
			}
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: job %s leaves a token in the checkout", name, id)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: job %s makes a script of what others name: pass it by env", name, id)
				}
				for _, m := range regexp.MustCompile(`(?m)\bmake ([a-z -]+)$`).FindAllStringSubmatch(step.Run, -1) {
					for target := range strings.FieldsSeq(m[1]) {
						if !strings.Contains(makefile, "\n"+target+": ") {
							t.Errorf("%s: job %s makes %s, which is no target", name, id, target)
						}
					}
				}
				if step.Run != "" {
					script(t, name+" "+id, step.Run)
				}
			}
		}
	}
}

// script holds that the shell understands a step.
func script(t *testing.T, where, text string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-n", "/dev/stdin")
	cmd.Stdin, cmd.Env = strings.NewReader(text), os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", where, err, out)
	}
}
