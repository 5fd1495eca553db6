//go:build linux

// Package kubernetes tests livekey in pods of a real cluster: as a sidecar beside an app
// that reads its keys from memory. The tests judge by what the app saw, what the issuer was
// asked and what Kubernetes says of the containers. They are part of `make test` and need
// root; `make e2e-kubernetes` runs them alone.
package kubernetes

import (
	"os"
	"testing"

	"github.com/livekey/livekey/test/kubernetes/cluster"
)

func TestMain(m *testing.M) {
	code := m.Run()
	cluster.Stop()
	os.Exit(code)
}
