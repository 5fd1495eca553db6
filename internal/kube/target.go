package kube

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/livekey/livekey/internal/trusted"
)

// serviceAccount is where the kubelet puts what a pod needs to call the API.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// target is where requests go, and as whom.
type target struct {
	server     *url.URL
	serverName string // in the server's certificate, where it is not the server's host
	caFile     string
	caData     []byte
	namespace  string
	login      login
	cert       func() (*tls.Certificate, error) // nil: none is shown
	files      []string                         // what this was read from, but for what login reads
}

// target finds it out, from files and the environment.
func (c Config) target() (target, error) {
	var t target
	var err error
	switch path := c.kubeconfig(); {
	case c.API != "":
		t, err = c.stated()
	case path != "":
		t, err = fromKubeconfig(path, c.Context)
	default:
		t, err = inCluster()
	}
	if err == nil && c.Namespace != "" {
		t.namespace = c.Namespace
	}
	if err == nil && t.namespace == "" {
		t.namespace = "default"
	}
	return t, err
}

// stated is the server that the config names itself.
func (c Config) stated() (target, error) {
	server, err := parseServer(c.API)
	if err != nil {
		return target{}, fmt.Errorf("read api: %w", err)
	}
	return target{server: server, caFile: c.CAFile, login: tokenOf(c.TokenFile), files: []string{c.CAFile}}, nil
}

// kubeconfig is the file that counts; "" is the cluster in whose pod this is. Of a list in
// $KUBECONFIG it is the first that is there: files are not merged.
func (c Config) kubeconfig() string {
	if c.Kubeconfig != "" {
		return c.Kubeconfig
	}
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" && c.Context == "" {
		return ""
	}
	said := filepath.SplitList(os.Getenv("KUBECONFIG"))
	paths := said
	if home, err := os.UserHomeDir(); err == nil && len(said) == 0 {
		paths = []string{filepath.Join(home, ".kube", "config")}
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil { // #nosec G703 -- what $KUBECONFIG is for
			return path
		}
	}
	return strings.Join(said[:min(1, len(said))], "") // reading it says what is wrong
}

func inCluster() (target, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return target{}, errors.New("no cluster is named: this is no pod (KUBERNETES_SERVICE_HOST and _PORT are not set), " +
			"and there is no kubeconfig: say kubeconfig, or api with token_file and ca_file")
	}
	t := target{
		server: &url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)},
		caFile: filepath.Join(serviceAccount, "ca.crt"),
		login:  tokenOf(filepath.Join(serviceAccount, "token")),
	}
	t.files = []string{t.caFile}
	namespace, err := trusted.Read(filepath.Join(serviceAccount, "namespace"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, errors.New("this pod has no service account's token: take automountServiceAccountToken: false away, or mount one")
	case err != nil:
		return t, fmt.Errorf("read namespace of this pod: %w", err)
	}
	t.namespace = strings.TrimSpace(string(namespace))
	return t, CheckNamespace(t.namespace)
}
