package kube_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/kube"
)

// plugin writes a program that prints answer, and notes in a file beside it what it was
// told; it returns how often it ran, and what it was told the last time.
func plugin(t *testing.T, dir, answer string) (runs func() int, told func() string) {
	t.Helper()
	log, answers := filepath.Join(dir, "log"), filepath.Join(dir, "answer")
	write(t, answers, answer)
	script := fmt.Sprintf("#!/bin/sh\necho \"$EXTRA $1 $KUBERNETES_EXEC_INFO ${CANARY-none}\" >>%s\nexec /bin/cat %s\n", log, answers)
	if err := os.WriteFile(filepath.Join(dir, "plugin"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	read := func() string { b, _ := os.ReadFile(log); return string(b) }
	return func() int { return strings.Count(read(), "\n") }, read
}

const execUser = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [go], " +
	"env: [{name: EXTRA, value: more}], provideClusterInfo: true, interactiveMode: IfAvailable}}"

func credential(status string) string {
	return `{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {` + status + `}}`
}

func TestAPluginRunsOnceUntilItsAnswerIsUsedUp(t *testing.T) {
	t.Setenv("CANARY", canary)
	s, url, root := cluster(t, nil)
	dir := t.TempDir()
	runs, told := plugin(t, dir, credential(`"token": "first"`))
	s.Require("first")
	c := kube.New(kube.Config{Kubeconfig: config(t, dir, url, root, execUser)}, nil)
	expect := func(rule string, want int) {
		t.Helper()
		if _, err := get(t, c); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
		if runs() != want {
			t.Errorf("%s: %d runs, want %d", rule, runs(), want)
		}
	}
	expect("the first call", 1)
	expect("the next one", 1)
	s.Require("second")
	plugin(t, dir, credential(`"token": "second", "expirationTimestamp": "`+time.Now().Add(5*time.Second).UTC().Format(time.RFC3339)+`"`))
	expect("after it was refused", 2)
	expect("nearly at its end", 3)
	if line := told(); !strings.Contains(line, "more go ") || !strings.Contains(line, `"interactive":false`) || !strings.Contains(line, url) || strings.Contains(line, canary) {
		t.Errorf("it was told %s", line)
	}
}

func TestAPluginMayAnswerWithACertificate(t *testing.T) {
	cert, key, authority := pair(t)
	_, url, root := cluster(t, authority)
	dir := t.TempDir()
	plugin(t, dir, credential(fmt.Sprintf(`"clientCertificateData": %q, "clientKeyData": %q`, cert, key)))
	if _, err := get(t, kube.New(kube.Config{Kubeconfig: config(t, dir, url, root, execUser)}, nil)); err != nil {
		t.Error(err)
	}
}

func TestAPluginsBadAnswerIsNotQuoted(t *testing.T) {
	_, url, root := cluster(t, nil)
	for rule, answer := range map[string]string{
		"no JSON":         canary,
		"another kind":    `{"kind": "` + canary + `"}`,
		"another version": `{"kind": "ExecCredential", "apiVersion": "v9", "status": {"token": "` + canary + `"}}`,
		"nothing":         credential(""),
		"a token of two":  credential(`"token": "` + canary + ` x"`),
		"no certificate":  credential(`"clientCertificateData": "` + canary + `", "clientKeyData": "x"`),
		"too much of it":  credential(`"token": "` + strings.Repeat(canary, 10_000) + `"`),
	} {
		dir := t.TempDir()
		plugin(t, dir, answer)
		_, err := get(t, kube.New(kube.Config{Kubeconfig: config(t, dir, url, root, execUser)}, nil))
		if err == nil || !strings.Contains(err.Error(), "plugin") {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
