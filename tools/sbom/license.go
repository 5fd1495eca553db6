package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.-].*)?$`)

// enough is how much of a file, in percent, has to be words of licenses: a notice of copyright is not, code is less.
const enough = 75

// licenseOf is the SPDX expression of the licenses that a module's folder has at its top. It is empty where no
// file has one that is known: what nobody could read is not guessed. A folder that is not there is an error, for
// its licenses would be lost without a word.
func licenseOf(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read license: %s is not there: run `go mod download` first", folder)
	}
	if err != nil {
		return "", fmt.Errorf("read license: %w", err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || !licenseFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return "", fmt.Errorf("read license: %w", err)
		}
		all = append(all, licensesIn(text)...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " AND "), nil
}

// licensesIn are the SPDX names of the licenses whose text this is.
func licensesIn(text []byte) (names []string) {
	cover := licensecheck.Scan(text)
	if cover.Percent < enough {
		return nil
	}
	for _, m := range cover.Match {
		if !m.IsURL {
			names = append(names, m.ID)
		}
	}
	return names
}
