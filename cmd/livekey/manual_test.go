package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write the manual pages that the commands ask for")

// TestManual holds that every command has a page that says what its --help says, and the
// config one that says what the reference does.
func TestManual(t *testing.T) {
	want := map[string]string{}
	a := &app{}
	pages(t, a.root(), want)
	want[configPage] = makeConfigPage(t)
	if *update {
		if err := os.RemoveAll(manualDir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(manualDir, 0o750); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(manualDir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for name, text := range want {
		is, err := manual.ReadFile(manualDir + "/" + name)
		if err != nil || string(is) != text {
			t.Errorf("%s is not what the command says (%v): go test ./cmd/livekey -run Manual -update", name, err)
		}
	}
	have, err := manual.ReadDir(manualDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range have {
		if want[page.Name()] == "" {
			t.Errorf("%s is of no command", page.Name())
		}
	}
}

// pages makes the page of cmd and of every command below it.
func pages(t *testing.T, cmd *cobra.Command, all map[string]string) {
	t.Helper()
	cmd.DisableAutoGenTag = true // the date of a page would be that of its making
	var page bytes.Buffer
	if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "livekey", Manual: "livekey manual"}, &page); err != nil {
		t.Fatal(err)
	}
	all[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = withoutDefaults(undated(page.String()))
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			pages(t, sub, all)
		}
	}
}

// withoutDefaults is a page without the defaults that say nothing: off, and empty.
func withoutDefaults(page string) string {
	return strings.NewReplacer(`\fP[=false]`, `\fP`, `\fP=""`, `\fP`).Replace(page)
}

// undated is a page without the month in its title, which is when it was made.
func undated(page string) string {
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".TH ") {
			fields := strings.SplitN(line, `"`, 7) // .TH "NAME" "1" "Nov 2026" …
			if len(fields) == 7 {
				fields[5] = ""
				lines[i] = strings.Join(fields, `"`)
			}
		}
	}
	return strings.Join(lines, "\n")
}
