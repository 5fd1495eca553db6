//go:build linux

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A program is one that runs in the cluster until it is stopped.
type program struct {
	cluster *Cluster
	name    string
	args    []string
	cmd     *exec.Cmd // nsenter, which ends as the program does
	ended   chan struct{}
}

// inside is a command in the cluster's namespaces, with nothing of our environment.
func (c *Cluster) inside(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"-t", strconv.Itoa(c.init.Process.Pid), "-m", "-p", "-n", "--"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = []string{
		"PATH=" + filepath.Join(filepath.Dir(c.dir), "bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + c.dir, "KUBECONFIG=" + c.Kubeconfig(),
		"CONTAINERD_ADDRESS=" + c.dir + "/containerd.sock", "CONTAINERD_NAMESPACE=k8s.io",
	}
	cmd.Dir = "/"
	return cmd
}

// TryRun runs a command in the cluster to its end; what it printed comes back also if it fails.
func (c *Cluster) TryRun(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := c.inside(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("run %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// Run runs a program of this machine in the cluster's network, with KUBECONFIG of an
// administrator; it returns what it printed and fails the test if it fails.
func (c *Cluster) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.TryRun(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// start starts a program of the cluster. Its log is beside the node's folder, where it
// outlives it until Stop.
func (c *Cluster) start(name string, args ...string) error {
	p := c.programs[name]
	if p == nil {
		p = &program{cluster: c, name: name}
		c.programs[name] = p
	}
	p.args = args
	return p.start()
}

func (p *program) start() error {
	log, err := os.OpenFile(p.log(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// The shell tells the pid that the program has inside, then becomes it.
	script := []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, p.pidFile(), p.name}
	p.cmd = p.cluster.inside(context.Background(), append(script, p.args...)...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	return nil
}

func (p *program) log() string {
	return filepath.Join(filepath.Dir(p.cluster.dir), p.name+".log")
}

func (p *program) pidFile() string { return filepath.Join(p.cluster.dir, p.name+".pid") }

// kill is SIGKILL, and waits until nothing is left.
func (p *program) kill() error {
	if _, err := p.cluster.TryRun("/bin/sh", "-c", "kill -KILL $(cat "+p.pidFile()+")"); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// Stopped kills a program of the cluster, such as kubelet, and returns what starts it again
// with the same arguments; the test's end does so at the latest.
func (c *Cluster) Stopped(t testing.TB, name string) (again func()) {
	t.Helper()
	p := c.programs[name]
	if err := p.kill(); err != nil {
		t.Fatalf("stop %s: %v", name, err)
	}
	again = sync.OnceFunc(func() {
		if err := p.start(); err != nil {
			t.Errorf("start %s again: %v", name, err)
		}
	})
	t.Cleanup(again)
	return again
}

// lastWords is the end of what each program logged.
func (c *Cluster) lastWords() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.programs)) {
		p := c.programs[name]
		text, _ := os.ReadFile(p.log())
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		fmt.Fprintf(&b, "%s ends with\n  %s\n", p.name, strings.Join(lines[max(0, len(lines)-8):], "\n  "))
	}
	return b.String()
}
