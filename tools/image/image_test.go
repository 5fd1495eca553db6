package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program builds a static program for an architecture.
func program(t *testing.T, arch string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	must(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	out := filepath.Join(dir, arch)
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, flags...), source)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", arch, err, text)
	}
	return out
}

// packed is the archive that arguments make, beside those that every test needs.
func packed(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.tar")
	s, err := parse(append([]string{"-o", out}, args...))
	must(t, err)
	must(t, pack(s))
	return out
}

func TestTheSameFlagsMakeTheSameBytes(t *testing.T) {
	t.Parallel()
	args := []string{
		"-binary", "amd64=" + program(t, "amd64"), "-binary", "arm64=" + program(t, "arm64"),
		"-created", "1700000000", "-label", "a=1", "-label", "b=2", "-label", "c=3",
	}
	first, err := os.ReadFile(packed(t, args...))
	must(t, err)
	second, err := os.ReadFile(packed(t, args...))
	must(t, err)
	if sha256.Sum256(first) != sha256.Sum256(second) {
		t.Error("two runs made different bytes")
	}
}

func TestWhatAnImageHas(t *testing.T) {
	t.Parallel()
	sbom := t.TempDir()
	must(t, os.WriteFile(filepath.Join(sbom, "livekey.spdx.json"), []byte("{}"), 0o600))
	a := open(t, packed(t,
		"-name", "registry.example:5000/team/livekey:1.2", "-sbom", "amd64="+sbom, "-sbom", "arm64="+sbom,
		"-label", "org.opencontainers.image.version=1.2",
		"-binary", "amd64="+program(t, "amd64"), "-binary", "arm64="+program(t, "arm64")))

	var top index
	a.json("index.json", &top)
	if got := top.Manifests[0].Annotations; got[refName] != "1.2" || got[containerdName] != "registry.example:5000/team/livekey:1.2" {
		t.Errorf("the image's name is %v", got)
	}
	var platforms index
	a.json(blob(top.Manifests[0].Digest), &platforms)
	if len(platforms.Manifests) != 2 {
		t.Fatalf("%d platforms, want 2", len(platforms.Manifests))
	}
	for _, m := range platforms.Manifests {
		t.Run(m.Platform.Architecture, func(t *testing.T) {
			var manifest struct {
				Config struct{ Digest string }
				Layers []struct{ Digest string }
			}
			a.json(blob(m.Digest), &manifest)
			var config struct {
				Architecture string
				Config       struct {
					User       string
					Entrypoint []string
					Labels     map[string]string
				}
			}
			a.json(blob(manifest.Config.Digest), &config)
			switch c := config.Config; {
			case config.Architecture != m.Platform.Architecture:
				t.Errorf("its config says %s", config.Architecture)
			case c.User != "65532:65532":
				t.Errorf("runs as %q", c.User)
			case !slices.Equal(c.Entrypoint, []string{"/livekey"}):
				t.Errorf("starts %q", c.Entrypoint)
			case c.Labels["org.opencontainers.image.version"] != "1.2" || c.Labels["org.opencontainers.image.title"] != "livekey":
				t.Errorf("has the labels %v", c.Labels)
			}
			if len(manifest.Layers) != 1 {
				t.Fatalf("%d layers, want 1", len(manifest.Layers))
			}
			files := a.layer(manifest.Layers[0].Digest)
			want := []string{
				"etc/", "etc/group", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt",
				"livekey", "usr/", "usr/share/", "usr/share/sbom/", "usr/share/sbom/livekey.spdx.json",
			}
			if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
				t.Errorf("has %q, want %q", got, want)
			}
			if h := files["livekey"].header; h.Mode != 0o755 || h.Uid != 0 || h.Gid != 0 {
				t.Errorf("the program is %o of %d:%d, want 755 of root", h.Mode, h.Uid, h.Gid)
			}
			if !x509.NewCertPool().AppendCertsFromPEM(files["etc/ssl/certs/ca-certificates.crt"].content) {
				t.Error("trusts no authority")
			}
		})
	}
}

func TestWhatCannotStartInTheImageIsRefused(t *testing.T) {
	t.Parallel()
	amd64 := program(t, "amd64")
	script := filepath.Join(t.TempDir(), "script")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600))
	for name, c := range map[string]struct{ binary, want string }{
		"a program of another architecture": {"arm64=" + amd64, "not for arm64"},
		"an unknown architecture":           {"vax=" + amd64, `"vax" is none of [amd64 arm64]`},
		"a script":                          {"amd64=" + script, "not a program for Linux"},
		"a program that needs a loader":     {"amd64=" + program(t, "amd64", "-buildmode=pie", "-ldflags=-linkmode=internal"), "CGO_ENABLED=0"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "image.tar")
			s, err := parse([]string{"-o", out, "-binary", c.binary})
			must(t, err)
			if err := pack(s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("packing says %v, want %q", err, c.want)
			}
			if left, _ := filepath.Glob(out + "*"); left != nil {
				t.Errorf("left %q behind", left)
			}
		})
	}
}

func TestFaultsOfTheCaller(t *testing.T) {
	t.Parallel()
	if _, err := parse([]string{"-binary", "amd64=x"}); !errors.Is(err, errNoOutput) {
		t.Errorf("without -o: %v", err)
	}
	if _, err := parse([]string{"-o", "x"}); !errors.Is(err, errNoBinary) {
		t.Errorf("without -binary: %v", err)
	}
	if _, err := parse([]string{"-o", "x", "-binary", "amd64"}); err == nil {
		t.Error("-binary without a file was accepted")
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"localhost/livekey:dev": "dev", "registry:5000/livekey": "latest", "registry:5000/livekey:1.0": "1.0",
	} {
		if got := tagOf(name); got != want {
			t.Errorf("tag of %s is %q, want %q", name, got, want)
		}
	}
}

type index struct {
	Manifests []struct {
		Digest      string
		Annotations map[string]string
		Platform    struct{ Architecture string }
	}
}

// An opened archive is its files by name.
type opened struct {
	t     *testing.T
	files map[string]entry
}

type entry struct {
	header  *tar.Header
	content []byte
}

func open(t *testing.T, path string) opened {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	return opened{t, untar(t, f)}
}

func untar(t *testing.T, r io.Reader) map[string]entry {
	t.Helper()
	files := map[string]entry{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		content, err := io.ReadAll(tr)
		must(t, err)
		files[h.Name] = entry{h, content}
	}
}

func (o opened) json(name string, into any) {
	o.t.Helper()
	f, found := o.files[name]
	if !found {
		o.t.Fatalf("the archive has no %s", name)
	}
	must(o.t, json.Unmarshal(f.content, into))
}

func (o opened) layer(digest string) map[string]entry {
	o.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(o.files[blob(digest)].content))
	must(o.t, err)
	return untar(o.t, r)
}

func blob(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
