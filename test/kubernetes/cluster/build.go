//go:build linux

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/livekey/livekey/test/servers"
)

// packages are the programs that become images.
var packages = map[string]string{
	"livekey": "github.com/livekey/livekey/cmd/livekey",
	"app":     "github.com/livekey/livekey/test/kubernetes/app",
}

// images are what containerd gets, and the program that each starts.
var images = map[string]string{Livekey: "livekey", App: "app", pause: "app"}

// build makes what the cluster runs: links to Kubernetes under its programs' names, and an
// archive for each image, whose paths it returns.
func (c *Cluster) build() ([]string, error) {
	dir := filepath.Dir(c.dir)
	kubernetes, err := servers.BuildKubernetes()
	if err != nil {
		return nil, err
	}
	packer, err := servers.BuildImagePacker()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"} {
		if err := os.Symlink(kubernetes, filepath.Join(bin, name)); err != nil {
			return nil, err
		}
	}
	for name, path := range packages {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(bin, name), path)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", path, err, out)
		}
	}
	var archives []string
	for image, program := range images {
		archive := filepath.Join(dir, fmt.Sprintf("image-%d.tar", len(archives)))
		out, err := exec.Command(packer, "-o", archive, "-name", image, "-title", program,
			"-binary", runtime.GOARCH+"="+filepath.Join(bin, program)).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w\n%s", image, err, out)
		}
		archives = append(archives, archive)
	}
	return archives, nil
}
