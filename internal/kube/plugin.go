package kube

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/secret"
)

// plugin is a program that a kubeconfig names for logging in
// (client.authentication.k8s.io).
type plugin struct {
	APIVersion string   `json:"apiVersion"`
	Command    string   `json:"command"`
	Args       []string `json:"args"`
	Env        []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
	Hint        string `json:"installHint"`
	Cluster     bool   `json:"provideClusterInfo"`
	Interactive string `json:"interactiveMode"`
}

// pluginVersions are those of the protocol that livekey speaks.
var pluginVersions = []string{"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}

const (
	pluginTimeout = 10 * time.Second
	pluginOutput  = 64 << 10

	// early is how long before its end a credential is replaced.
	early = 10 * time.Second
)

// Of livekey's own environment a plug-in gets what names the user and his cloud account;
// whatever else it needs, the kubeconfig says under env.
var (
	pluginVariables = []string{"HOME", "PATH", "USER", "LANG", "TMPDIR", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"}
	pluginPrefixes  = []string{"AWS_", "AZURE_", "AAD_", "CLOUDSDK_", "GOOGLE_", "XDG_"}
)

// pluginLogin runs a plug-in when its last answer is used up.
type pluginLogin struct {
	run        command.Command
	apiVersion string

	mu      sync.Mutex
	has     bool
	value   secret.Value
	cert    *tls.Certificate
	expires time.Time // zero: when it is refused
}

// login makes one. A command with a slash is relative to dir.
func (p plugin) login(dir string, of cluster) (*pluginLogin, error) {
	switch {
	case !slices.Contains(pluginVersions, p.APIVersion):
		return nil, fmt.Errorf("apiVersion must be %s", strings.Join(pluginVersions, " or "))
	case p.Interactive == "Always":
		return nil, errors.New("interactiveMode is Always, and nobody sits at livekey's terminal")
	}
	path, err := lookUp(p.Command, dir)
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error() + "; " + p.Hint))
	}
	info, err := p.info(of)
	if err != nil {
		return nil, err
	}
	run := command.Command{
		Argv:    append([]string{path}, p.Args...),
		Inherit: slices.Clone(pluginVariables),
		Env:     []string{"KUBERNETES_EXEC_INFO=" + info},
		Timeout: pluginTimeout, Limit: pluginOutput,
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(pluginPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			run.Inherit = append(run.Inherit, name)
		}
	}
	for _, v := range p.Env {
		run.Env = append(run.Env, v.Name+"="+v.Value)
	}
	return &pluginLogin{run: run, apiVersion: p.APIVersion}, run.Lint()
}

// info is what a plug-in is told on the way.
func (p plugin) info(of cluster) (string, error) {
	spec := map[string]any{"interactive": false}
	if p.Cluster {
		at := map[string]any{"server": of.Server}
		if of.ServerName != "" {
			at["tls-server-name"] = of.ServerName
		}
		if len(of.CAData) > 0 {
			at["certificate-authority-data"] = of.CAData
		}
		spec["cluster"] = at
	}
	text, err := json.Marshal(map[string]any{"apiVersion": p.APIVersion, "kind": "ExecCredential", "spec": spec})
	return string(text), err
}

// lookUp finds a program as kubectl does: from dir on if its name has a slash, else on $PATH.
func lookUp(name, dir string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("command is missing")
	case strings.ContainsRune(name, '/'):
		return below(dir, name), nil
	}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path) // #nosec G703 -- the PATH of whoever runs livekey
		if err == nil && filepath.IsAbs(folder) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no program %s on the PATH", name)
}

func (p *pluginLogin) token(ctx context.Context, refused secret.Value) (secret.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := !p.expires.IsZero() && time.Until(p.expires) < early
	if p.has && !over && !(refused.Len() > 0 && refused.Equal(p.value)) {
		return p.value, nil
	}
	if err := p.ask(ctx); err != nil {
		return secret.Value{}, fmt.Errorf("log in to Kubernetes: %w", err)
	}
	return p.value, nil
}

// ask runs the program and takes what it answers. The caller holds mu.
func (p *pluginLogin) ask(ctx context.Context) error {
	got, err := p.run.Run(ctx, nil)
	if err == nil {
		err = got.Failure()
	}
	if err != nil {
		return err
	}
	defer clear(got.Output.Reveal())
	var answer struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Status     struct {
			Token   hidden    `json:"token"`
			Cert    string    `json:"clientCertificateData"`
			Key     hidden    `json:"clientKeyData"`
			Expires time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	program := p.run.Argv[0]
	switch err := json.Unmarshal(got.Output.Reveal(), &answer); {
	case err != nil || answer.Kind != "ExecCredential": // what the decoder says quotes the answer
		return fmt.Errorf("%s printed no ExecCredential", program)
	case answer.APIVersion != p.apiVersion:
		return fmt.Errorf("%s answers as %.60q, and the kubeconfig says %s", program, answer.APIVersion, p.apiVersion)
	case answer.Status.Token.Len() == 0 && answer.Status.Cert == "":
		return fmt.Errorf("%s printed neither a token nor a certificate", program)
	}
	if answer.Status.Token.Len() > 0 {
		if err := sendable(answer.Status.Token.Value); err != nil {
			return fmt.Errorf("the token that %s printed %w", program, err)
		}
	}
	var cert *tls.Certificate
	if answer.Status.Cert != "" {
		if cert, err = keyPair([]byte(answer.Status.Cert), answer.Status.Key.Reveal()); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	p.has, p.value, p.cert, p.expires = true, answer.Status.Token.Value, cert, answer.Status.Expires
	return nil
}

// certificate is the last one; an empty one says that there is none.
func (p *pluginLogin) certificate() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.cert, &tls.Certificate{}), nil
}
