package servers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildDialects returns the path of the program of test/dialects, which reads env
// files as docker, godotenv and Compose do; built first if the cache does not have it.
func BuildDialects() (string, error) { return buildAt("dialects", "test", "dialects") }

// InstallDotenv returns the folder of npm's package dotenv, in the version that
// test/dialects/package-lock.json pins, installed first if the cache does not have it.
func InstallDotenv() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "dotenv.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	manifests := map[string][]byte{}
	h := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		if manifests[name], err = os.ReadFile(filepath.Join(root, "test", "dialects", name)); err != nil {
			return "", err
		}
		_, _ = h.Write(manifests[name])
	}
	dir := filepath.Join(cache, "dotenv-"+hex.EncodeToString(h.Sum(nil))[:16])
	installed := filepath.Join(dir, "node_modules", "dotenv")
	if _, err := os.Stat(dir); err == nil {
		return installed, nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.Mkdir(partial, 0o700); err != nil {
		return "", err
	}
	for name, text := range manifests {
		if err := os.WriteFile(filepath.Join(partial, name), text, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = partial
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install npm's dotenv: %w\n%s", err, out)
	}
	return installed, os.Rename(partial, dir)
}
