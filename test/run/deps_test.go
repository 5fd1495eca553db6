// Package run holds the scripts behind make. Its test keeps them true.
package run

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a test needs must be what `make deps` brings, or the account at the end
// of `make test` promises too much.
func TestDepsBringEveryProgramThatATestNeeds(t *testing.T) {
	t.Parallel()
	deps, err := os.ReadFile("deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile(`need\.Program\("([^"]+)"\)`)
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range program.FindAllStringSubmatch(string(code), -1) {
			if !strings.Contains(string(deps), "\n"+m[1]+" ") {
				t.Errorf("%s needs %s, which deps.sh does not bring", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
