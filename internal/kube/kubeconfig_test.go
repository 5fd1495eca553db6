package kube_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/kube"
)

// cluster is a fake server over TLS that asks for a certificate of authority, if that is one.
func cluster(t *testing.T, authority *x509.Certificate) (s *fakekube.Server, url, root string) {
	t.Helper()
	s = fakekube.New()
	s.Put("llm", map[string][]byte{"A": []byte(canary)}, "kubectl")
	h := httptest.NewUnstartedServer(s)
	if authority != nil {
		pool := x509.NewCertPool()
		pool.AddCert(authority)
		h.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	}
	h.StartTLS()
	t.Cleanup(h.Close)
	return s, h.URL, pemOf(h.Certificate().Raw)
}

func in64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// config writes a kubeconfig with one context for the user described.
func config(t *testing.T, dir, url, root, user string) string {
	t.Helper()
	return write(t, filepath.Join(dir, "config"), fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: here
preferences: {}
contexts:
- {name: here, context: {cluster: c, user: u, namespace: prod}}
- {name: nowhere, context: {cluster: none, user: u}}
clusters:
- name: c
  cluster: {server: %q, certificate-authority-data: %s}
- name: insecure
  cluster: {server: %q, insecure-skip-tls-verify: true}
users:
- name: u
  user: %s
`, url, in64(root), url, user))
}

func TestAKubeconfigSaysWhoLivekeyIs(t *testing.T) {
	cert, key, authority := pair(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "from-a-file")
	write(t, filepath.Join(dir, "cert.pem"), cert)
	write(t, filepath.Join(dir, "key.pem"), key)
	for rule, c := range map[string]struct {
		user, token string
		authority   *x509.Certificate
	}{
		"a token":                  {"{token: sesame}", "sesame", nil},
		"a token's file":           {"{tokenFile: token}", "from-a-file", nil},
		"the file before the text": {"{tokenFile: token, token: sesame}", "from-a-file", nil},
		"a certificate inside":     {fmt.Sprintf("{client-certificate-data: %s, client-key-data: %s}", in64(cert), in64(key)), "", authority},
		"a certificate's files":    {"{client-certificate: cert.pem, client-key: key.pem}", "", authority},
	} {
		t.Run(rule, func(t *testing.T) {
			s, url, root := cluster(t, c.authority)
			s.Require(c.token)
			client := kube.New(kube.Config{Kubeconfig: config(t, dir, url, root, c.user)}, nil)
			if _, err := get(t, client); err != nil {
				t.Error(err)
			}
			if ns, err := client.Namespace(); ns != "prod" || err != nil {
				t.Errorf("namespace %s, %v", ns, err)
			}
		})
	}
}

func TestAKubeconfigThatCannotBeTakenSaysWhy(t *testing.T) {
	_, url, root := cluster(t, nil)
	for rule, c := range map[string]struct{ user, context, want string }{
		"no such context":    {"{}", "else", "no context"},
		"no such cluster":    {"{}", "nowhere", `cluster "none"`},
		"a password":         {"{username: a, password: " + canary + "}", "", "name and a password"},
		"somebody else":      {"{token: t, as: admin}", "", "account of its own"},
		"an old plug-in":     {"{auth-provider: {name: gcp}}", "", "exec plug-in"},
		"an old protocol":    {"{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: a}}", "", "apiVersion"},
		"a terminal":         {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Always}}", "", "terminal"},
		"no such program":    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, installHint: see the manual}}", "", "see the manual"},
		"a token in two":     {`{token: "` + canary + ` x"}`, "", "blank"},
		"no certificate":     {"{client-certificate-data: " + in64(canary) + ", client-key-data: " + in64(canary) + "}", "", "no PEM certificate"},
		"no base64":          {"{client-key-data: " + canary + "}", "", "no base64"},
		"a number as a text": {"{token: 12}", "", "quotes"},
		"a broken file":      {"{token: " + canary, "", "not valid YAML"},
	} {
		t.Run(rule, func(t *testing.T) {
			path := config(t, t.TempDir(), url, root, c.user)
			_, err := get(t, kube.New(kube.Config{Kubeconfig: path, Context: c.context}, nil))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// A connection that nobody verified is never made, whatever the file says.
func TestInsecureIsRefusedAloud(t *testing.T) {
	s, url, root := cluster(t, nil)
	path := config(t, t.TempDir(), url, root, "{token: t}")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(text), "cluster: c,", "cluster: insecure,", 1))
	_, err = get(t, kube.New(kube.Config{Kubeconfig: path}, nil))
	if err == nil || !strings.Contains(err.Error(), "insecure-skip-tls-verify") || s.Calls("get") != 0 {
		t.Errorf("%v after %d calls", err, s.Calls("get"))
	}
}

func TestAKubeconfigOthersMayWriteIsRefused(t *testing.T) {
	_, url, root := cluster(t, nil)
	path := config(t, t.TempDir(), url, root, "{token: t}")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, kube.New(kube.Config{Kubeconfig: path}, nil)); err == nil || !strings.Contains(err.Error(), "others may write") {
		t.Errorf("%v", err)
	}
}

func TestAKubeconfigThatWasReplacedIsReadAgain(t *testing.T) {
	s, url, root := cluster(t, nil)
	dir := t.TempDir()
	c := kube.New(kube.Config{Kubeconfig: config(t, dir, url, root, "{token: first}")}, nil)
	for _, token := range []string{"first", "second-one"} {
		s.Require(token)
		config(t, dir, url, root, "{token: "+token+"}")
		if _, err := get(t, c); err != nil {
			t.Errorf("with %s: %v", token, err)
		}
	}
}

func TestThePodsOwnAccountIsMissed(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
	if _, err := get(t, kube.New(kube.Config{}, nil)); err == nil || !strings.Contains(err.Error(), "say kubeconfig") {
		t.Errorf("%v", err)
	}
}
