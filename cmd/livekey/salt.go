package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/secret"
)

const (
	saltName = "salt"
	saltSize = 32 // bytes that livekey makes
	saltMin  = 16 // bytes that it takes from a fleet's salt_file
	saltMax  = 4096
)

// hasher makes fingerprints under the installation's salt: salt_file, which a
// fleet shares, or one of its own, made at the first start. The caller holds the
// lock of state_dir.
func hasher(cfg *config.Config) (secret.Hasher, error) {
	if cfg.SaltFile != "" {
		salt, err := readSalt(cfg.SaltFile)
		if err != nil {
			return secret.Hasher{}, fmt.Errorf("read salt_file: %w", err)
		}
		return secret.NewHasher(salt), nil
	}
	path := filepath.Join(cfg.StateDir, saltName)
	salt, err := readSalt(path)
	if errors.Is(err, fs.ErrNotExist) {
		salt, err = makeSalt(path)
	}
	if err != nil {
		return secret.Hasher{}, fmt.Errorf("read salt: %w", err)
	}
	return secret.NewHasher(salt), nil
}

// readSalt refuses what everybody may read: with the salt, a fingerprint can be
// tested against a guessed key.
func readSalt(path string) (secret.Value, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return secret.Value{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return secret.Value{}, err
	}
	if !info.Mode().IsRegular() {
		return secret.Value{}, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return secret.Value{}, fmt.Errorf("%s is open to everybody: chmod o-rwx it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, saltMax+1))
	if err != nil {
		return secret.Value{}, err
	}
	if len(b) < saltMin || len(b) > saltMax {
		return secret.Value{}, fmt.Errorf("%s has %d bytes, between %d and %d are wanted: `head -c %d /dev/urandom` makes some",
			path, len(b), saltMin, saltMax, saltSize)
	}
	return secret.New(b), nil
}

// makeSalt writes a new one, complete or not at all.
func makeSalt(path string) (secret.Value, error) {
	b := make([]byte, saltSize)
	_, _ = rand.Read(b) // never fails, as its documentation says
	if err := atomicfile.Write(path, b, atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return secret.Value{}, err
	}
	return secret.New(b), nil
}
