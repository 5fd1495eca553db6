//go:build linux

// Package cluster is a whole Kubernetes on this machine, for the tests of one package: etcd,
// API server, controllers, scheduler, kubelet and containerd, with one node, RBAC and no
// network but loopback. It lives in namespaces of its own: its ports, mounts and
// processes are seen by nobody else and end with it.
//
// Pods must be hostNetwork, and use images that are in the cluster: Livekey, App and Pause.
package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/test/namespace"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// The images that every cluster has.
const (
	Livekey = "localhost/livekey:dev"
	App     = "localhost/app:dev" // test/kubernetes/app
	pause   = "localhost/pause:1" // the same program: it waits until it is stopped
)

// The node, and where things listen in the cluster's network.
const (
	Node        = "n1"
	NodeAddress = "192.0.2.2"
	API         = "10.96.0.1:443"
	etcdAddress = "127.0.0.1:2379"
	etcdPeers   = "127.0.0.1:2380"
)

const (
	prefix   = "livekey-kubernetes-test-"
	bootTime = 2 * time.Minute // of any part, on a loaded machine
)

// A Cluster is made by Boot. Its methods are for one goroutine, but for those of the API.
type Cluster struct {
	dir      string // what the programs write; inside, and through root(), a file system in memory
	init     *exec.Cmd
	ended    <-chan struct{}
	programs map[string]*program
	api      *http.Client
}

var (
	theCluster *Cluster
	bootErr    error
	bootOnce   sync.Once
)

// Boot is the cluster of this process; its first caller waits for it, for about half a minute.
// The package's TestMain calls Stop. Without LIVEKEY_TEST the test is skipped.
func Boot(t *testing.T, promise string) *Cluster {
	t.Helper()
	need.All(t, promise, servers.KubernetesNeeds...)
	bootOnce.Do(func() { theCluster, bootErr = boot() })
	if bootErr != nil {
		t.Fatal(bootErr)
	}
	return theCluster
}

// Stop ends the cluster, if there is one.
func Stop() {
	if theCluster != nil {
		theCluster.stop()
	}
}

func boot() (_ *Cluster, err error) {
	namespace.Sweep(prefix)
	dir := filepath.Join(os.TempDir(), namespace.NameOf(prefix, os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	c := &Cluster{dir: filepath.Join(dir, "node"), programs: map[string]*program{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("boot Kubernetes: %w\n%s", err, c.lastWords())
			c.stop()
		}
	}()
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, err
	}
	images, err := c.build()
	if err != nil {
		return nil, err
	}
	c.init = exec.Command("/bin/bash", "-c", bootScript, "boot.sh", c.dir)
	c.init.Stderr = os.Stderr
	c.ended, err = namespace.Start(c.init, unix.CLONE_NEWPID|unix.CLONE_NEWNS|unix.CLONE_NEWNET)
	if err != nil {
		return nil, err
	}
	if err := c.await("its namespaces", func() error {
		_, err := os.Stat(c.Path(c.dir + "/booted"))
		return err
	}); err != nil {
		return nil, err
	}
	return c, errors.Join(c.writeConfigs(), c.startRuntime(images), c.startControlPlane(), c.startNode())
}

// stop ends the namespaces, and with them every process and mount: nothing that a program
// could have put in order outlives them.
func (c *Cluster) stop() {
	if c.api != nil {
		c.api.CloseIdleConnections()
	}
	if c.ended != nil {
		_ = c.init.Process.Kill()
		<-c.ended
		for _, p := range c.programs {
			<-p.ended
		}
	}
	namespace.Sweep(prefix)
}

// Path is how this process sees a file of the cluster.
func (c *Cluster) Path(p string) string {
	return fmt.Sprintf("/proc/%d/root%s", c.init.Process.Pid, p)
}

// await looks until look finds nothing wrong, or the cluster has ended.
func (c *Cluster) await(what string, look func() error) error {
	var err error
	for end := time.Now().Add(bootTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = look(); err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("wait for %s: it ended by itself: %w", what, err)
		default:
		}
	}
	return fmt.Errorf("wait for %s: not within %s: %w", what, bootTime, err)
}
