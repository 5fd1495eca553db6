// Command prebuild builds the servers of the tests into their cache, so that no
// test has to wait for it: `go run ./test/servers/prebuild`.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

type server struct {
	what  string
	build func() (string, error)
}

func main() {
	all := []server{
		{"the Vault server of the tests (some minutes the first time)", servers.BuildVault},
		{"the readers of env files", servers.BuildDialects},
		{"a FerretDB", servers.BuildFerretDB},
		{"the official driver of MongoDB", servers.BuildMongo},
		{"helm (some minutes the first time)", servers.BuildHelm},
		{"kubeconform", servers.BuildKubeconform},
		{"kustomize", servers.BuildKustomize},
		{"the packer of images", servers.BuildImagePacker},
	}
	if need.Has(servers.KubernetesNeeds...) {
		all = append(all, server{"Kubernetes (ten minutes the first time)", servers.BuildKubernetes})
	}
	for _, server := range all {
		fmt.Fprintln(os.Stderr, "building", server.what)
		start := time.Now()
		path, err := server.build()
		if err != nil {
			fmt.Fprintln(os.Stderr, "prebuild:", err)
			os.Exit(1)
		}
		fmt.Fprintf(os.Stderr, "%s, after %s\n", path, time.Since(start).Round(time.Millisecond))
	}
}
