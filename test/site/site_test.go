// Package site builds the documentation as a site and follows every link in it.
package site

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/livekey/livekey/test/need"
)

// page is what one file of the site links to, and what can be linked to in it.
type page struct {
	links []string
	ids   map[string]bool
}

// TestEveryLinkOfTheSiteLeadsSomewhere also follows what stands behind a #, of which the
// generator says nothing.
func TestEveryLinkOfTheSiteLeadsSomewhere(t *testing.T) {
	need.All(t, "every link of the documentation leads somewhere", need.Program("mkdocs"), need.Working("mkdocs-material", "sh", "-c", "mkdocs build --help | grep -q material"))
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "mkdocs", "build", "--quiet", "--strict", "--site-dir", dir)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mkdocs: %v\n%s", err, said)
	}
	pages := map[string]page{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".html" || filepath.Base(path) == "404.html" {
			return err
		}
		pages[path] = readPage(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 100 {
		t.Fatalf("only %d pages", len(pages))
	}
	followed := 0
	for path, p := range pages {
		for _, link := range p.links {
			u, err := url.Parse(link)
			if err != nil || u.Scheme != "" || u.Host != "" {
				continue // leaves the site
			}
			target := path
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(u.Path))
			}
			followed++
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", path, link)
			} else if other, ok := pages[target]; ok && u.Fragment != "" && !other.ids[u.Fragment] {
				t.Errorf("%s links to %s, and there is no such heading", path, link)
			}
		}
	}
	if followed < 1000 {
		t.Errorf("only %d links", followed)
	}
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	p := page{ids: map[string]bool{}}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				p.ids[a.Val] = true
			case a.Key == "href" && n.Data == "a":
				p.links = append(p.links, a.Val)
			}
		}
	}
	return p
}
