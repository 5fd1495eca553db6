package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// needleHead is how many bytes of a needle are looked up; none is shorter.
const needleHead = 8

// A canary knows values and finds pieces of them, as they are and in every form
// in which a program writes down bytes.
type canary struct {
	first    [1 << 16]bool // by the first two bytes of a needle
	needles  map[[needleHead]byte][]needle
	searched int // bytes
}

type needle struct {
	text string
	what string // which value in which form; never the value
}

// publicPrefixes are what everybody knows about a value.
var publicPrefixes = []string{"sk-ant-api03-", "sk-proj-", "hvs.", "whsec_"}

func newCanary() *canary { return &canary{needles: map[[needleHead]byte][]needle{}} }

// add makes the canary look for a value: its first 12 characters after the public
// prefix, 12 in its middle, its last 8.
func (c *canary) add(name, value string) {
	body := value
	for _, p := range publicPrefixes {
		body = strings.TrimPrefix(body, p)
	}
	if len(body) < 24 {
		panic("a canary needs 24 characters: " + name)
	}
	for piece, text := range map[string]string{
		"first 12": body[:12], "middle 12": body[len(body)/2-6 : len(body)/2+6], "last 8": body[len(body)-8:],
	} {
		for form, written := range forms(text) {
			c.put(written, name+", "+piece+", "+form)
		}
	}
}

func (c *canary) put(text, what string) {
	head := [needleHead]byte([]byte(text))
	if !slices.ContainsFunc(c.needles[head], func(n needle) bool { return n.text == text }) {
		c.first[int(head[0])<<8|int(head[1])] = true
		c.needles[head] = append(c.needles[head], needle{text, what})
	}
}

// forms are the ways in which text may be written down.
func forms(text string) map[string]string {
	b := []byte(text)
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	quoted, _ := json.Marshal(text)
	all := map[string]string{
		"raw": text, "reversed": string(reversed),
		"hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)),
		"in a URL": url.QueryEscape(text), "in a path": url.PathEscape(text),
		"in JSON": string(quoted[1 : len(quoted)-1]), "as Go quotes it": strings.Trim(strconv.Quote(text), `"`),
		"as numbers": strings.Trim(fmt.Sprint(b), "[]"), "as JSON numbers": strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ","),
		"as hex with blanks": fmt.Sprintf("% x", b),
	}
	for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 of URLs": base64.RawURLEncoding} {
		for shift := range 3 { // what stands before it moves it
			whole := e.EncodeToString(append(make([]byte, shift), b...))
			all[fmt.Sprintf("%s+%d", name, shift)] = whole[(shift*8+5)/6 : (shift+len(b))*8/6]
		}
	}
	return all
}

// search returns what it found in b.
func (c *canary) search(b []byte) (found []string) {
	c.searched += len(b)
	for i := 0; i+needleHead <= len(b); i++ {
		if !c.first[int(b[i])<<8|int(b[i+1])] {
			continue
		}
		for _, n := range c.needles[[needleHead]byte(b[i:])] {
			if bytes.HasPrefix(b[i:], []byte(n.text)) && !slices.Contains(found, n.what) {
				found = append(found, n.what)
			}
		}
	}
	return found
}

// searchTree looks into every file below dir, and into its name; what begins with
// one of except, as a path below dir, is where values belong.
func (c *canary) searchTree(t testing.TB, dir string, except ...string) (found []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, what := range c.search([]byte(below)) {
			found = append(found, "the name "+filepath.Dir(below)+"/…: "+what)
		}
		if !d.Type().IsRegular() || slices.ContainsFunc(except, func(e string) bool { return strings.HasPrefix(below, e) }) {
			return nil
		}
		b, err := os.ReadFile(path)
		for _, what := range c.search(b) {
			found = append(found, below+": "+what)
		}
		return err
	}))
	return found
}

func TestTheCanaryFindsAValueInEveryForm(t *testing.T) {
	t.Parallel()
	const value = `sk-ant-api03-p+1/X=%&"é\ü<middle of it>?and~the^end-of#thIs1`
	whole := []byte(value)
	upside := slices.Clone(whole)
	slices.Reverse(upside)
	quoted, err := json.Marshal(value)
	must(t, err)
	for form, written := range map[string]string{
		"raw": value, "cut at its end": value[:len(value)-9], "only its end": value[len(value)-8:],
		"base64": base64.StdEncoding.EncodeToString(whole), "base64 of URLs": base64.URLEncoding.EncodeToString(whole),
		"base64 after a name":         base64.StdEncoding.EncodeToString([]byte("A=" + value)),
		"base64 after another name":   base64.StdEncoding.EncodeToString([]byte("user:" + value)),
		"base64 after a third name":   base64.StdEncoding.EncodeToString([]byte("ABC" + value)),
		"hex":                         hex.EncodeToString(whole),
		"upper hex":                   strings.ToUpper(hex.EncodeToString(whole)),
		"%x with blanks":              fmt.Sprintf("% x", whole),
		"in a query":                  "?key=" + url.QueryEscape(value),
		"in JSON":                     string(quoted),
		"quoted":                      strconv.Quote(value),
		"printed as bytes":            fmt.Sprint(whole),
		"reversed":                    string(upside),
		"without the public prefix":   strings.TrimPrefix(value, "sk-ant-api03-"),
		"a hex dump of a core's page": "\x00\x00" + value + "\x00\x00",
	} {
		c := newCanary()
		c.add("the value", value)
		if len(c.search([]byte("some text before, "+written+", and after"))) == 0 {
			t.Errorf("%s: not found", form)
		}
		if found := c.search([]byte("sk-ant-api03- is public, and nothing else is here")); len(found) > 0 {
			t.Errorf("found in nothing: %v", found)
		}
	}
	c := newCanary()
	c.add("the value", value)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "state", "deep"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "state", "deep", "file"), []byte("x"+value), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, value[len(value)-8:]), nil, 0o600))
	if found := c.searchTree(t, dir); len(found) < 2 {
		t.Errorf("in a tree only found %v", found)
	}
	if found := c.searchTree(t, dir, "state"); len(found) != 1 {
		t.Errorf("where values belong, found %v", found)
	}
}
