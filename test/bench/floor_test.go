package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// floorEnv makes this test binary the floor: arguments are the source file, the
// sink file and the URL that is asked.
const floorEnv = "LIVEKEY_BENCH_FLOOR"

// runFloor follows one file with nothing that livekey adds: no lint, no decision, no
// journal, no read-back. An event, a read, one call on a connection that is kept,
// and a file that survives a power cut.
func runFloor(args []string) error {
	source, sink, url := args[0], args[1], args[2]
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	if err := w.Add(filepath.Dir(source)); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{}}
	if err := carry(client, source, sink, url); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		select {
		case e, ok := <-w.Events:
			if !ok {
				return nil
			}
			if e.Name != source || !e.Has(fsnotify.Create) {
				continue
			}
			if err := carry(client, source, sink, url); err != nil {
				return err
			}
		case err := <-w.Errors:
			return err
		}
	}
}

func carry(client *http.Client, source, sink, url string) error {
	key, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	req, err := ask(url, string(key))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the issuer answers %s", resp.Status)
	}
	return replace(sink, append(append([]byte("KEY="), key...), '\n'))
}

// ask is the call that livekey makes with an Anthropic key.
func ask(url, key string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodGet, url+"/v1/models?limit=1", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Api-Key", key)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	return req, nil
}

func replace(path string, content []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := dir.Sync(); err != nil {
		return err
	}
	return dir.Close()
}

// startFloor starts the floor as a process of its own, as livekey is one. It ends
// with the test.
func startFloor(t *testing.T, source, sink, url string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, source, sink, url)
	cmd.Env = []string{floorEnv + "=1"}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the floor did not start: %q, %v", line, err)
	}
	return cmd
}
