package post

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACredentialIsOneWord(t *testing.T) {
	const canary = "canary0123456789canary"
	for _, c := range []struct{ rule, text, want string }{
		{"a word", canary, ""},
		{"blanks around it are not part of it", " " + canary + "\r\n", ""},
		{"nothing", " \n", "nothing inside"},
		{"two words", canary + " " + canary, "more than one word"},
		{"two lines", canary + "\n" + canary, "more than one word"},
		{"no ASCII", canary + "é", "more than one word"},
		{"much", strings.Repeat(canary, 200), "larger than 4096 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "credential")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := Credential("token_file", path)
		if c.want == "" {
			if err != nil || string(v.Reveal()) != canary {
				t.Errorf("%s: err %v", c.rule, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "token_file "+path) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary0") {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
}
