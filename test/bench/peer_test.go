package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peerVersion is the consul-template that livekey is measured beside. It reads and
// delivers; it proves nothing.
const peerVersion = "v0.41.1"

// peerBinary builds consul-template once into the user's cache.
func peerBinary(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	dir := filepath.Join(cache, "livekey", "consul-template-"+peerVersion)
	path := filepath.Join(dir, "consul-template")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	t.Logf("building consul-template %s into %s (once, some minutes)", peerVersion, dir)
	install := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", "github.com/hashicorp/consul-template@"+peerVersion)
	install.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOEXPERIMENT=")
	if said, err := install.CombinedOutput(); err != nil {
		t.Fatalf("build consul-template: %v\n%s", err, said)
	}
	return path
}

// startPeer has consul-template follow the crowd. It ends with the test.
func (c *crowd) startPeer(l layout, sinks, refresh string) *exec.Cmd {
	c.t.Helper()
	dir := scratch(c.t, "")
	var text strings.Builder
	fmt.Fprintf(&text, "vault {\n  address = %q\n  token = %q\n  renew_token = false\n  default_lease_duration = %q\n}\n", c.from, c.token, refresh)
	var contents strings.Builder
	for i := range c.keys {
		fmt.Fprintf(&contents, "%s={{with secret \"secret/data/%s\"}}{{.Data.data.key}}{{end}}\n", variable(i), secretName(i))
		if l == filePerKey || i == len(c.keys)-1 {
			fmt.Fprintf(&text, "template {\n  contents = %q\n  destination = %q\n  perms = 0600\n}\n", contents.String(), l.sinkOf(sinks, i))
			contents.Reset()
		}
	}
	config := filepath.Join(dir, "peer.hcl")
	must(c.t, os.WriteFile(config, []byte(text.String()), 0o600))
	cmd := exec.Command(peerBinary(c.t), "-config", config, "-log-level", "err")
	cmd.Env = []string{"HOME=" + dir}
	said := &bytes.Buffer{}
	cmd.Stderr, cmd.Stdout = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(c.t, cmd.Start())
	c.t.Cleanup(func() { stopPeer(cmd) })
	return cmd
}

// stopPeer ends it as it wants to be ended, and waits.
func stopPeer(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // how it ended is not what is measured
}
