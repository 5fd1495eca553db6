package drill

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// A canary knows every value of the drill and looks for it where none may be.
type canary struct {
	needles  [][]byte
	searched int    // outputs and files
	found    string // where a value was, the first time
}

// needles of a value: its middle, which also finds a value that was cut, and
// the beginning of its base64.
func newCanary(values []string) *canary {
	c := &canary{}
	for _, v := range values {
		third := len(v) / 3
		c.needles = append(c.needles,
			[]byte(v[third:2*third]),
			[]byte(base64.StdEncoding.EncodeToString([]byte(v))[:2*third]))
	}
	return c
}

func (c *canary) search(where string, b []byte) {
	c.searched++
	for _, n := range c.needles {
		if c.found == "" && bytes.Contains(b, n) {
			c.found = where
		}
	}
}

// searchTree reads every file below dir, but not the folders of dir named in except.
func (c *canary) searchTree(dir string, except ...string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("search for values: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(except, path):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		b, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		c.search(path, b)
		return nil
	})
	if err != nil {
		return fmt.Errorf("search for values: %w", err)
	}
	return nil
}

func (c *canary) verdict() []claim {
	if len(c.needles) == 0 || c.searched == 0 {
		return []claim{{"P7", false, "nothing was searched"}}
	}
	return []claim{says("P7", c.found == "",
		fmt.Sprintf("%d values in none of %d logs, outputs, webhooks and files", len(c.needles)/2, c.searched),
		"a value was found in "+c.found)}
}
