package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the .want files of testdata/bad; read the diff before you commit it")

// TestBadConfigs reads each file of testdata/bad: every fault must come in one
// run, in order, with place and hint, and no value of the file may be printed.
func TestBadConfigs(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/home/u/state")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/1000")
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("the corpus has %d files, want at least 60 (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Read(filepath.Base(file), text, testKinds)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("Read returned %T, want Faults: %v", err, err)
			}
			got := faults.Error() + "\n"
			want := strings.TrimSuffix(file, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			for _, value := range echoed(text, got) {
				t.Errorf("the output shows the value %q of the file", value)
			}
		})
	}
}

// ours are words that livekey's own text has, whatever the file says.
var ours = slices.Concat(fieldNames, testKinds.Sources, testKinds.Sinks, testKinds.Channels, []string{
	"all", "none", "follow", "true", "false", "value", "env://GOOD", "https://", "/x",
})

// echoed lists the values of a config that stand in an output. Of a text that is
// no YAML, only the word canary counts.
func echoed(config []byte, output string) []string {
	var found []string
	if strings.Contains(strings.ToLower(output), "canary") {
		found = append(found, "canary")
	}
	var doc yaml.Node
	if yaml.Load(config, &doc) != nil {
		return found
	}
	var names, values []string
	collect(&doc, false, &names, &values)
	for _, v := range values {
		output := output
		for _, word := range ours {
			if len(word) > len(v) && strings.Contains(word, v) { // env_fil, where the hint says env_file
				output = strings.ReplaceAll(output, word, "")
			}
		}
		if len(v) > 1 && strings.Contains(output, v) && !slices.Contains(names, v) && !slices.Contains(ours, v) {
			found = append(found, v)
		}
	}
	return found
}

// collect lists the names of fields and entries, and the values.
func collect(y *yaml.Node, name bool, names, values *[]string) {
	switch {
	case y.Kind == yaml.ScalarNode && name:
		*names = append(*names, y.Value)
	case y.Kind == yaml.ScalarNode:
		*values = append(*values, y.Value)
	}
	for i, c := range y.Content {
		collect(c, y.Kind == yaml.MappingNode && i%2 == 0, names, values)
	}
}
