package servers

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// BuildHelm returns the path of helm: some five minutes of one processor with an empty Go
// build cache.
func BuildHelm() (string, error) { return install("helm.sh/helm/v4/cmd/helm", "v4.3.1") }

// BuildKubeconform returns the path of kubeconform, which holds objects against the API's schemas.
func BuildKubeconform() (string, error) {
	return install("github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0")
}

// BuildKustomize returns the path of kustomize.
func BuildKustomize() (string, error) {
	return install("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1")
}

// install builds a program that is published as a module, at one version, into the cache.
func install(program, version string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	name := path.Base(program)
	if strings.HasPrefix(name, "v") && len(name) == 2 { // a major version, behind the program's name
		name = path.Base(path.Dir(program))
	}
	unlock, err := lock(filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	dir := filepath.Join(cache, fmt.Sprintf("%s-%s-%s", name, version, runtime.Version()))
	binary := filepath.Join(dir, name)
	if _, err := os.Stat(binary); err == nil {
		now := time.Now()
		return binary, os.Chtimes(dir, now, now)
	}
	cmd := goCommand(cache, append(append([]string{"install"}, buildFlags...), program+"@"+version)...)
	cmd.Env = append(cmd.Env, "GOBIN="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s@%s: %w\n%s", program, version, err, out)
	}
	return binary, nil
}
