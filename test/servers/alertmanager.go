package servers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/livekey/livekey/test/need"
)

// AlertmanagerProgram is the server's name where Debian's package puts it.
var AlertmanagerProgram = need.Program("prometheus-alertmanager")

// An AlertmanagerServer is a real Alertmanager on loopback that one test owns.
type AlertmanagerServer struct {
	URL string

	t testing.TB
}

// alertmanagerConfig notifies at once. Its resolve_timeout is short, so that an alert
// that nobody repeats is not held open by it.
const alertmanagerConfig = `
global: {resolve_timeout: 1s}
route: {receiver: test, group_by: [id], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}
receivers:
  - name: test
    webhook_configs: [{url: %q, send_resolved: true}]
`

// Alertmanager starts an Alertmanager that notifies the webhook at notify. It is
// stopped when the test ends. Without LIVEKEY_TEST, or where it is not installed, the
// test is skipped.
func Alertmanager(t testing.TB, notify string) *AlertmanagerServer {
	t.Helper()
	need.All(t, "alerts in a real Alertmanager", AlertmanagerProgram)
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, alertmanagerConfig, notify), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	cmd := exec.Command("prometheus-alertmanager", "--config.file="+config, "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=")
	log := &tail{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	a := &AlertmanagerServer{URL: "http://" + address, t: t}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(a.URL + "/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return a
			}
		}
		if time.Now().After(end) {
			t.Fatalf("Alertmanager is not ready: %v\n%s", err, log)
		}
	}
}

// freeAddress is one of loopback at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// An Alert is one that Alertmanager shows as firing.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Firing are the alerts with a label of this value.
func (a *AlertmanagerServer) Firing(label, value string) ([]Alert, error) {
	resp, err := http.Get(a.URL + "/api/v2/alerts?" + url.Values{"filter": {fmt.Sprintf("%s=%q", label, value)}}.Encode())
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var all []Alert
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("read Alertmanager's alerts: %w", err)
	}
	return all, nil
}
