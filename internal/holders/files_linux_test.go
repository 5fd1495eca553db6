package holders

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestValuesInFiles(t *testing.T) {
	k := wantedKey
	const odd = "user:pa=ss+wo/rd==" // has delimiters in it
	for _, c := range []struct {
		name, text, variable string
		found                bool
	}{
		{"an env file", "A=1\nKEY=" + k + "\n", "KEY", true},
		{"with export, quotes and blanks", "  export KEY = '" + k + "'  \n", "KEY", true},
		{"with a comment behind it", "KEY=" + k + " # old\n", "KEY", true},
		{"without a line feed", "KEY=" + k, "KEY", true},
		{"Windows", "KEY=" + k + "\r\n", "KEY", true},
		{"JSON", "{\n  \"api\": {\"key\": \"" + k + "\"}\n}", "key", true},
		{"JSON on one line", `{"a":"b","key":"` + k + `","c":1}`, "key", true},
		{"YAML", "api:\n  key: " + k + "\n", "key", true},
		{"a list in YAML", "keys:\n  - " + k + "\n", "", true},
		{"ini", "[default]\nkey = " + k + "\n", "key", true},
		{"a header", "curl -H 'Authorization: Bearer " + k + "'", "Authorization", true},
		{"a file that is the key", k + "\n", "", true},
		{"in an address", "url = https://ada:" + k + "@host.example/", "ada", true},
		{"delimiters in an env file's value", "KEY=" + odd + "\n", "KEY", true},
		{"in quotes", `KEY="` + odd + `"`, "KEY", true},
		{"in JSON", `{"x":1,"key":"` + odd + `"}`, "key", true},
		{"in a file of its own", odd, "", true},
		{"a part is not it", "KEY=" + k + "x\n", "", false},
		{"bytes that are no text", "\xff\x00\xfe KEY=" + k + "\n", "KEY", true},
		{"empty", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x")
			must(t, os.WriteFile(file, []byte(c.text), 0o600))
			w := wanted()
			w.Prints = append(w.Prints, printOf(odd))
			got := newTree(t).look(w, file).Sightings
			if (len(got) == 1) != c.found || c.found && (got[0].Variable != c.variable || got[0].Path != file || got[0].Kind != InFile) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestFilesThatAreNotSearched(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("a.env"), []byte("KEY="+wantedKey), 0o600))
	must(t, os.WriteFile(at("a.txt"), []byte("KEY="+wantedKey), 0o600))
	must(t, os.WriteFile(at("large.env"), append([]byte("KEY="+wantedKey+"\n"), make([]byte, maxFile)...), 0o600))
	must(t, os.WriteFile(at("4M.env"), append(make([]byte, maxFile-len("\n"+otherKey)), "\n"+otherKey...), 0o600))
	must(t, os.Symlink(at("a.txt"), at("link.env")))
	must(t, os.Mkdir(at("folder.env"), 0o700))
	must(t, unix.Mkfifo(at("pipe.env"), 0o600))
	found := newTree(t).look(wanted(), at("*.env"), at("a.env"), at("missing"), at("a.txt/x.env"), at("no/such/*"))
	var seen []string
	for _, s := range found.Sightings {
		seen = append(seen, filepath.Base(s.Path))
	}
	if !slices.Equal(seen, []string{"4M.env", "a.env"}) {
		t.Errorf("seen in %v", seen)
	}
	unseen := strings.Join(found.Unseen, "\n")
	if len(found.Unseen) != 2 || !strings.Contains(unseen, at("large.env")+": larger than 4 MiB") || !strings.Contains(unseen, at("link.env")+": a link") {
		t.Errorf("unseen: %s", unseen)
	}
}
