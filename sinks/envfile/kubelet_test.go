package envfile

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// kubelet reads all of a file by the grammar that the kubelet has for fileKeyRef: lines as
// bufio.Scanner makes them, NAME='value' whose quotes may lie lines apart, comments behind.
func kubelet(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, assigned := strings.Cut(line, "=")
		if !assigned || name == "" || strings.TrimRight(name, " \t") != name {
			return nil, fmt.Errorf("line %d is no assignment", n)
		}
		value, quoted := strings.CutPrefix(value, "'")
		if !quoted {
			return nil, fmt.Errorf("line %d: the value is not in single quotes", n)
		}
		for !strings.Contains(value, "'") {
			if !lines.Scan() {
				return nil, fmt.Errorf("line %d: the quote is not closed", n)
			}
			value += "\n" + lines.Text()
		}
		value, behind, _ := strings.Cut(value, "'")
		if behind = strings.TrimLeft(behind, " \t"); behind != "" && behind[0] != '#' {
			return nil, fmt.Errorf("line %d: something follows the value", n)
		}
		if _, twice := values[name]; !twice { // the first one counts
			values[name] = value
		}
	}
	return values, lines.Err()
}
