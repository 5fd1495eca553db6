//go:build linux

package kubernetes

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A pod is one of the world's: an app, with livekey beside it unless the test edited that out.
type pod struct {
	*world

	name    string
	port    string // of the sidecar
	created time.Time
}

// A container is what Kubernetes says of one.
type container struct {
	Name         string
	ContainerID  string
	Ready        bool
	Started      bool
	RestartCount int
	State        struct {
		Running    *struct{ StartedAt time.Time }
		Terminated *ended
	}
	LastState struct{ Terminated *ended }
}

type ended struct {
	ExitCode   int
	FinishedAt time.Time
}

// reserve is a pod that has a name, and is not there yet.
func (w *world) reserve() *pod {
	n := ports.Add(1)
	return &pod{world: w, name: fmt.Sprintf("app-%d", n), port: strconv.FormatInt(20000+n, 10)}
}

// create creates the pod of pod.yaml, whose manifest and config the test may have edited, and
// the Secret that it mounts; it returns without waiting.
func (p *pod) create(manifest, config string, fields map[string]string) {
	p.t.Helper()
	fill := strings.NewReplacer("$NAME", p.name, "$PORT", p.port, "$ISSUER", p.url)
	p.secret(p.name, fields)
	p.configMap(p.name, fill.Replace(config))
	p.created = time.Now()
	p.Must(p.t, http.MethodPost, p.path("pods"), fill.Replace(manifest))
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Log(p.story())
		}
		p.delete()
	})
}

// pod creates a pod as create does.
func (w *world) pod(manifest, config string, fields map[string]string) *pod {
	w.t.Helper()
	p := w.reserve()
	p.create(manifest, config, fields)
	return p
}

// podWith creates a pod whose Secret has a key.
func (w *world) podWith(value string) *pod {
	w.t.Helper()
	return w.pod(podManifest, config, map[string]string{secretField: value})
}

// delete asks for the pod's end; that it is gone already is fine.
func (p *pod) delete() {
	_, _ = p.Try(http.MethodDelete, p.path("pods/"+p.name+"?gracePeriodSeconds=1"), "")
}

// containers are those that Kubernetes knows of now, by name.
func (p *pod) containers() (map[string]container, error) {
	var object struct {
		Status struct {
			InitContainerStatuses, ContainerStatuses []container
		}
	}
	if err := p.Get(p.path("pods/"+p.name), &object); err != nil {
		return nil, err
	}
	all := map[string]container{}
	for _, c := range slices.Concat(object.Status.InitContainerStatuses, object.Status.ContainerStatuses) {
		all[c.Name] = c
	}
	return all, nil
}

// container is one of them, which must be there.
func (p *pod) container(name string) container {
	p.t.Helper()
	all, err := p.containers()
	if err != nil {
		p.t.Fatal(err)
	}
	return all[name]
}

// restarts is how often a container was started again.
func (p *pod) restarts(name string) int {
	p.t.Helper()
	return p.container(name).RestartCount
}

// A said is a line of the app's: test/kubernetes/app says what they mean.
type said struct {
	At     time.Time         `json:"at"`
	Event  string            `json:"event"`
	Keys   map[string]string `json:"keys"`
	Key    string            `json:"key"`
	Status int               `json:"status"`
}

// said is all that the app said, in each of its lives.
func (p *pod) said() []said {
	p.t.Helper()
	var all []said
	for line := range bytes.Lines(p.log("app")) {
		var s said
		if err := json.Unmarshal(line, &s); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// log is what a container printed in all of its lives, as the kubelet keeps it.
func (p *pod) log(container string) []byte {
	lives, _ := filepath.Glob(p.Path(fmt.Sprintf("/var/log/pods/%s_%s_*/%s/*.log", p.space, p.name, container)))
	var all bytes.Buffer
	for _, life := range lives {
		text, err := os.ReadFile(life)
		if err != nil {
			continue // rotated away
		}
		for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
			// The time, the stream and whether the line is whole come before it.
			if parts := strings.SplitN(s.Text(), " ", 4); len(parts) == 4 {
				all.WriteString(parts[3] + "\n")
			}
		}
	}
	return all.Bytes()
}

// started says whether the app runs.
func (p *pod) started() error {
	return unless(len(p.said()) > 0, "the app has not started")
}

// saw says whether a value is the last that the app has of its key.
func (p *pod) saw(value string) func() error {
	return func() error {
		var last string
		for _, s := range p.said() {
			if s.Keys != nil {
				last = s.Keys[variable]
			}
		}
		return unless(last == fingerprint(value), "the app has %q of %s", last, variable)
	}
}

// refused is how many calls of the app its issuer refused.
func (p *pod) refused() int {
	n := 0
	for _, s := range p.said() {
		if s.Event == "called" && s.Status == http.StatusUnauthorized {
			n++
		}
	}
	return n
}

// fingerprint is the app's name for a value.
func fingerprint(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:6])
}

// exec runs a command of livekey's in its container, as its user, and returns what it
// prints. Its exit code is no matter: it tells how keys are.
func (p *pod) exec(args ...string) string {
	p.t.Helper()
	out, _ := p.TryRun(append([]string{
		"nsenter", "-t", p.pid("livekey"), "-m", "-p", "-n", "-S", "65532", "-G", "65532", "--",
		"/livekey", "--config", "/etc/livekey/livekey.yaml",
	}, args...)...)
	return out
}

// livekey fills into with the JSON that a command prints.
func (p *pod) livekey(into any, args ...string) error {
	p.t.Helper()
	text := p.exec(append([]string{"--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("livekey %s prints %q: %w", strings.Join(args, " "), text, err)
	}
	return nil
}

// id is containerd's name for a container that runs.
func (p *pod) id(container string) string {
	p.t.Helper()
	_, id, _ := strings.Cut(p.container(container).ContainerID, "://")
	return id
}

// pid is that of a container's first process, inside the cluster.
func (p *pod) pid(container string) (pid string) {
	p.t.Helper()
	p.until(container+" has a process", func() error {
		id := p.id(container)
		for line := range strings.Lines(p.Run(p.t, "ctr", "tasks", "list")) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == id {
				pid = f[1]
			}
		}
		return unless(pid != "", "%q is not among containerd's tasks", id)
	})
	return pid
}

// kill is SIGKILL, as the kernel does when memory runs out.
func (p *pod) kill(container string) {
	p.t.Helper()
	p.Run(p.t, "/bin/kill", "-KILL", p.pid(container))
}

// opened says whether an alert is open.
func (p *pod) opened(cause string) func() error {
	return func() error {
		open, err := p.alerts()
		if err != nil {
			return err
		}
		return unless(slices.Contains(open, cause), "of %s only %q is open", cause, open)
	}
}

// closed says whether an alert is not open.
func (p *pod) closed(cause string) func() error {
	return func() error {
		open, err := p.alerts()
		if err != nil {
			return err
		}
		return unless(!slices.Contains(open, cause), "%s is open", cause)
	}
}

// alerts are the causes of the alerts that are open.
func (p *pod) alerts() ([]string, error) {
	p.t.Helper()
	var status struct {
		Alerts []struct{ Cause string }
	}
	err := p.livekey(&status, "status")
	var all []string
	for _, a := range status.Alerts {
		all = append(all, a.Cause)
	}
	return all, err
}

// ready says whether Kubernetes holds the sidecar for ready.
func (p *pod) ready() error { return unless(p.container("livekey").Ready, "the sidecar is not ready") }

// story is what somebody needs who wants to know why a test failed.
func (p *pod) story() string {
	var b strings.Builder
	text, err := p.Try(http.MethodGet, p.path("pods/"+p.name), "")
	if err == nil {
		var object struct{ Status json.RawMessage }
		err = json.Unmarshal(text, &object)
		text = object.Status
	}
	fmt.Fprintf(&b, "pod %s: %s %v\n", p.name, text, err)
	var events struct {
		Items []struct {
			Reason, Message string
			InvolvedObject  struct{ Name string }
		}
	}
	_ = p.Get(p.path("events"), &events)
	for _, e := range events.Items {
		if e.InvolvedObject.Name == p.name {
			fmt.Fprintf(&b, "event %s: %s\n", e.Reason, e.Message)
		}
	}
	for _, name := range []string{"livekey", "app"} {
		lines := strings.Split(strings.TrimSpace(string(p.log(name))), "\n")
		fmt.Fprintf(&b, "%s said\n  %s\n", name, strings.Join(lines[max(0, len(lines)-25):], "\n  "))
	}
	return b.String()
}
