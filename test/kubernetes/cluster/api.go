//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/livekey/livekey/test/namespace"
)

// A Refusal is an answer of the API server that is no success.
type Refusal struct {
	Status int
	Text   string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the API server answers %d: %s", r.Status, r.Text)
}

// IsStatus says whether err is a Refusal with a status.
func IsStatus(err error, status int) bool {
	refusal, ok := errors.AsType[*Refusal](err)
	return ok && refusal.Status == status
}

func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return namespace.Dial(c.init.Process.Pid, func() (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	})
}

// Listen listens on loopback of the cluster, where its pods can connect.
func (c *Cluster) Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := namespace.Listen(c.init.Process.Pid, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Client speaks to what listens in the cluster, by IP address.
func (c *Cluster) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: c.dial, DisableKeepAlives: true}}
}

// contentTypes are those that a method's body has; a PATCH of ours is a server-side apply.
var contentTypes = map[string]string{
	http.MethodPost: "application/yaml", http.MethodPut: "application/yaml", http.MethodDelete: "application/json",
	http.MethodPatch: "application/apply-patch+yaml",
}

// Try asks the API server as an administrator; body is YAML, empty for none. Safe for
// concurrent use.
func (c *Cluster) Try(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, "https://"+API+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer admin")
	if body != "" {
		req.Header.Set("Content-Type", contentTypes[method])
	}
	resp, err := c.api.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = &Refusal{resp.StatusCode, string(text)}
	}
	return text, err
}

// Get fills into with an object's JSON.
func (c *Cluster) Get(path string, into any) error {
	text, err := c.Try(http.MethodGet, path, "")
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	return json.Unmarshal(text, into)
}

// Must asks as Try does, and fails the test if that fails.
func (c *Cluster) Must(t testing.TB, method, path, body string) {
	t.Helper()
	if _, err := c.Try(method, path, body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (c *Cluster) nodeReady() error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.Get("/api/v1/nodes/"+Node, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			if condition.Status == "True" {
				return nil
			}
			return errors.New(condition.Message)
		}
	}
	return errors.New("its state is not known")
}
