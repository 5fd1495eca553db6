package envfile

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestStrictParsersRefuseWhatCouldBeReadInTwoWays(t *testing.T) {
	for _, c := range []struct {
		rule, dialect, text string
		line                int
	}{
		{"an unclosed quote", "systemd", "A=1\nB='x\n", 2},
		{"something after the quote", "systemd", "A='x' # c\n", 1},
		{"a backslash without quotes", "systemd", "A=x\\y\n", 1},
		{"an escape that is none", "systemd", `A="\n"` + "\n", 1},
		{"blanks around a raw value", "systemd", "\nA= x\n", 2},
		{"a carriage return", "systemd", "A=x\r\n", 1},
		{"a comment that ends in a backslash", "systemd", "# c\\\nA=x\n", 1},
		{"export", "systemd", "export A=x\n", 1},
		{"a byte order mark", "systemd", "\ufeffA=x\n", 1},
		{"a NUL", "systemd", "A=1\nB='x\x00'\n", 2},
		{"a name twice, after a value of two lines", "systemd", "A='x\ny'\nA=z\n", 3},
		{"no equals sign", "docker", "A\n", 1},
		{"a name with a blank", "docker", "A B=x\n", 1},
		{"a carriage return in docker's", "docker", "A=x\r\n", 1},
		{"a name twice in docker's", "docker", "A=x\n\nA=y\n", 3},
		{"a # without quotes", "dotenv", "A=x#y\n", 1},
		{"a $ without quotes", "dotenv", "A=$x\n", 1},
		{"blanks around a raw value in .env", "dotenv", "A= x\n", 1},
		{"something after the quote in .env", "dotenv", "A='x' # c\n", 1},
		{"an escape in .env", "dotenv", `A="x\n"` + "\n", 1},
		{"an expansion in single quotes", "dotenv", "A=1\nB='${A}'\n", 2},
		{"blanks around the equals sign", "dotenv", "A = x\n", 1},
		{"an unclosed quote in .env", "dotenv", "A='x\nB=y\n", 1},
		{"a byte order mark in .env", "dotenv", "\ufeffA=x\n", 1},
		{"a name twice, after two lines in .env", "dotenv", "A='x\ny'\nA=z\n", 3},
		{"a semicolon comment", "dotenv", "; c\n", 1},
		{"a blank that ends the word", "shell", "A=x y\n", 1},
		{"a substitution", "shell", "A=1\nB=$(id)\n", 2},
		{"an expansion in double quotes", "shell", `A="$X"` + "\n", 1},
		{"a tilde", "shell", "A=~\n", 1},
		{"a comment after the word", "shell", "A=x # c\n", 1},
		{"a command", "shell", "A=1\nset +a\n", 2},
		{"a line that goes on", "shell", "A=x\\\ny\n", 1},
		{"CRLF", "shell", "A=x\r\n", 1},
		{"CRLF after a comment", "shell", "# c\r\nA=x\n", 1},
		{"a command's path in zsh", "shell", "A==ls\n", 1},
		{"the same behind a colon", "shell", "A=x:=ls\n", 1},
		{"a NUL in the shell's", "shell", "A='\x00'\n", 1},
		{"no quotes", "kubernetes", "A='1'\nB=x\n", 2},
		{"double quotes", "kubernetes", "A=\"x\"\n", 1},
		{"something after the kubelet's quote", "kubernetes", "A='x' # c\n", 1},
		{"two texts side by side", "kubernetes", "A='x''y'\n", 1},
		{"export in the kubelet's", "kubernetes", "export A='x'\n", 1},
		{"a blank before the equals sign", "kubernetes", "A ='x'\n", 1},
		{"a blank after it", "kubernetes", "A= 'x'\n", 1},
		{"an unclosed quote in the kubelet's", "kubernetes", "A='x\nB='y'\n", 1},
		{"a line end that loses a byte", "kubernetes", "A='x\r\ny'\n", 1},
		{"a name twice, after two lines of the kubelet's", "kubernetes", "A='x\ny'\nA='z'\n", 3},
		{"a line over 64 KiB", "docker", "A=" + strings.Repeat("x", 64<<10) + "\n", 1},
	} {
		_, err := dialects[c.dialect].parse([]byte(c.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != c.line {
			t.Errorf("%s: %v, want a fault in line %d", c.rule, err, c.line)
		}
	}
}

func TestParsersReadWhatPeopleWrite(t *testing.T) {
	for dialect, text := range map[string]string{
		"systemd": "# c\n; c\n\nA=a b\nB='it is \"so\"'\nC=\"a\\\"b\\\\\\$\\`c\"\nD=x'y\nE=",
		"docker":  "# c\n\nA=a b\nB=it is \"so\"\nC=a\"b\\$`c\nD=x'y\nE=",
		"dotenv":  "# c\n\nA=a b\nexport B='it is \"so\"'\nC='a\"b\\$`c'\nD=\"x'y\"\nE=",
		"shell":   "# c\n\nA=a\\ b\nexport B='it is '\\\"\"so\"\\\"\nC='a\"b\\$`c'\nD=x\\'y\nE=",
	} {
		got, err := parsed(dialects[dialect], []byte(text))
		want := map[string]string{"A": "a b", "B": `it is "so"`, "C": "a\"b\\$`c", "D": "x'y", "E": ""}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %q, %v", dialect, got, err)
		}
	}
}

// To zsh =ls is where ls is, at the beginning of a value and behind a colon in it.
func TestNothingThatZshExpandsStandsWithoutQuotes(t *testing.T) {
	for value, want := range map[string]string{
		"=ls": "K='=ls'\n", "x:=ls": "K='x:=ls'\n",
		"a=b==": "K=a=b==\n", "x:/y": "K=x:/y\n",
	} {
		if got := string(shellWrite(nil, "K", []byte(value))); got != want {
			t.Errorf("%s is written as %q, want %q", value, got, want)
		}
	}
}
