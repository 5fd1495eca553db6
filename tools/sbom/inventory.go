package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// inventory is what a binary is made of.
type inventory struct {
	name     string // of the binary's package, such as livekey
	main     component
	parts    []component // the standard library and every module, by path
	sha256   string      // of the binary, in hex
	made     time.Time   // of the commit, in UTC
	platform string      // such as linux/amd64
}

// component is one module, at one version.
type component struct {
	path, version string
	sum           string // as go.sum has it, "h1:…"; empty for what go.sum does not list
	license       string // an SPDX expression; empty if its files have no license that is known
}

// purl is the component's package URL.
func (c component) purl() string {
	return "pkg:golang/" + c.path + "@" + strings.ReplaceAll(c.version, "+", "%2B")
}

// read makes the inventory of a binary. source is the checkout of its main module.
func read(ctx context.Context, binary, source string) (inventory, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return inventory{}, fmt.Errorf("read build info: %w", err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return inventory{}, fmt.Errorf("read binary: %w", err)
	}
	sum := sha256.Sum256(content)
	made, err := madeAt(info, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return inventory{}, err
	}
	where, err := goFolders(ctx)
	if err != nil {
		return inventory{}, err
	}
	inv := inventory{
		name: path.Base(info.Path), sha256: hex.EncodeToString(sum[:]), made: made,
		platform: setting(info, "GOOS") + "/" + setting(info, "GOARCH"),
		main:     component{path: info.Main.Path, version: cmp.Or(info.Main.Version, "(devel)")},
	}
	if inv.main.license, err = licenseOf(source); err != nil {
		return inventory{}, err
	}
	goVersion, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ") // what follows are experiments
	std := component{path: "std", version: goVersion}
	if std.license, err = licenseOf(where.root); err != nil {
		return inventory{}, err
	}
	inv.parts = append(inv.parts, std)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{path: m.Path, version: m.Version, sum: m.Sum}
		folder, err := where.module(c)
		if err != nil {
			return inventory{}, err
		}
		if c.license, err = licenseOf(folder); err != nil {
			return inventory{}, err
		}
		inv.parts = append(inv.parts, c)
	}
	slices.SortFunc(inv.parts, func(a, b component) int { return cmp.Compare(a.path, b.path) })
	return inv, nil
}

// madeAt is when the binary's source was committed. epoch, in seconds, wins, as reproducible-builds.org has it.
// What neither is said of is of 1970: a clock would make other bytes each time.
func madeAt(info *debug.BuildInfo, epoch string) (time.Time, error) {
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", epoch)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	committed := setting(info, "vcs.time")
	if committed == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, committed)
	if err != nil {
		return time.Time{}, fmt.Errorf("read vcs.time of the binary: %w", err)
	}
	return t.UTC(), nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// folders are where Go keeps the sources that a binary is made of.
type folders struct{ root, modules string }

func goFolders(ctx context.Context) (folders, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return folders{}, fmt.Errorf("ask go where its modules are: %w", err)
	}
	root, modules, found := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if !found {
		return folders{}, errors.New("ask go where its modules are: go env names no two folders")
	}
	return folders{root, modules}, nil
}

// module is the folder of a component, which may not be there.
func (f folders) module(c component) (string, error) {
	escaped, err := module.EscapePath(c.path)
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", c.path, err)
	}
	version, err := module.EscapeVersion(c.version)
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", c.path, err)
	}
	return filepath.Join(f.modules, escaped+"@"+version), nil
}
