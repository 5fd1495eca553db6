package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user runs the program: no name on any machine, and what distroless images have too.
const user = 65532

// accounts give the user a name inside, by which a config may say owner and group.
var accounts = map[string]string{
	"etc/passwd": fmt.Sprintf("livekey:x:%d:%d:livekey:/:/nonexistent\n", user, user),
	"etc/group":  fmt.Sprintf("livekey:x:%d:\n", user),
}

// A file is one of the image's root file system.
type file struct {
	content []byte
	mode    int64
}

// rootOf is every file of the image for one architecture, by path without a leading slash.
func rootOf(s spec, arch string) (map[string]file, error) {
	program, err := os.ReadFile(s.binaries[arch])
	if err != nil {
		return nil, err
	}
	if err := checkStatic(program, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", s.binaries[arch], err)
	}
	files := map[string]file{
		s.title:                             {program, 0o755},
		"etc/ssl/certs/ca-certificates.crt": {authorities(), 0o644},
	}
	for name, text := range accounts {
		files[name] = file{[]byte(text), 0o644}
	}
	if s.sbom[arch] == "" {
		return files, nil
	}
	parts, err := filepath.Glob(filepath.Join(s.sbom[arch], "*.json"))
	if err == nil && len(parts) == 0 {
		err = fmt.Errorf("%s has no *.json", s.sbom[arch])
	}
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		files[path.Join("usr/share/sbom", filepath.Base(p))] = file{text, 0o644}
	}
	return files, nil
}

// authorities are Mozilla's, of the version that go.mod pins: those of the machine that
// builds would differ from machine to machine. Few of them are trusted under a condition
// that a file of certificates cannot say; these are left out.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return b.Bytes()
}

// archive is a tar of files and the folders on their way: root's, all of one time.
func archive(files map[string]file, made time.Time) ([]byte, error) {
	folders := map[string]bool{}
	for name := range files {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			folders[dir+"/"] = true
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// A folder's name is the beginning of what is in it, so it comes first.
	for _, name := range slices.Sorted(slices.Values(append(sorted(folders), sorted(files)...))) {
		header := &tar.Header{Name: name, ModTime: made, Format: tar.FormatPAX}
		if folders[name] {
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		} else {
			header.Typeflag, header.Mode, header.Size = tar.TypeReg, files[name].mode, int64(len(files[name].content))
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name].content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
