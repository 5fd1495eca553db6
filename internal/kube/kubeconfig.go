package kube

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// kubeconfig is what livekey knows of such a file.
type kubeconfig struct {
	Current  string `json:"current-context"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster   string `json:"cluster"`
			User      string `json:"user"`
			Namespace string `json:"namespace"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string  `json:"name"`
		Cluster cluster `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string `json:"name"`
		User user   `json:"user"`
	} `json:"users"`
}

type cluster struct {
	Server     string `json:"server"`
	ServerName string `json:"tls-server-name"`
	CAFile     string `json:"certificate-authority"`
	CAData     []byte `json:"certificate-authority-data"` // base64 in the file
	Insecure   bool   `json:"insecure-skip-tls-verify"`
	Proxy      string `json:"proxy-url"`
}

type user struct {
	Token     hidden  `json:"token"`
	TokenFile string  `json:"tokenFile"`
	CertFile  string  `json:"client-certificate"`
	CertData  []byte  `json:"client-certificate-data"`
	KeyFile   string  `json:"client-key"`
	KeyData   pem     `json:"client-key-data"`
	Exec      *plugin `json:"exec"`

	Username     string `json:"username"`
	As           string `json:"as"`
	AuthProvider any    `json:"auth-provider"`
}

// hidden is a text that is a credential.
type hidden struct{ secret.Value }

// UnmarshalJSON takes over what a JSON string says.
func (h *hidden) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	h.Value = secret.New([]byte(s))
	return nil
}

// pem is a private key, in base64.
type pem struct{ secret.Value }

// UnmarshalJSON takes over what a JSON string says in base64.
func (p *pem) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	p.Value = secret.New(b)
	return nil
}

// fromKubeconfig reads the file at path, which nobody but root and livekey's user may
// write: it says where tokens go and which programs run.
func fromKubeconfig(path, wanted string) (target, error) {
	k, err := readKubeconfig(path)
	if err != nil {
		return target{}, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	t, err := k.target(filepath.Dir(path), wanted)
	if err != nil {
		return target{}, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	t.files = append(t.files, path)
	return t, nil
}

func readKubeconfig(path string) (kubeconfig, error) {
	var k kubeconfig
	text, err := trusted.Read(path)
	if err != nil {
		return k, err
	}
	defer clear(text)
	n, err := config.Parse(filepath.Base(path), "", string(text))
	if err != nil {
		return k, err // placed, values masked
	}
	plain, err := json.Marshal(n.Plain())
	if err != nil {
		return k, errors.New("it is no map of names to values")
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &k); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return k, fmt.Errorf("its field %s is %s: put a text in quotes", wrong.Field, wrong.Value)
		}
		return k, errors.New("certificate-authority-data, client-certificate-data or client-key-data is no base64")
	}
	return k, nil
}

// target is what the context wanted says, or the current one. Files are relative to dir.
func (k kubeconfig) target(dir, wanted string) (target, error) {
	if wanted == "" {
		wanted = k.Current
	}
	if wanted == "" {
		return target{}, errors.New("it has no current-context: say context")
	}
	for _, c := range k.Contexts {
		if c.Name != wanted {
			continue
		}
		t := target{namespace: c.Context.Namespace}
		at, ok := find(k, c.Context.Cluster)
		if !ok {
			return t, fmt.Errorf("context %s names cluster %q, which it does not have", wanted, c.Context.Cluster)
		}
		if err := at.into(&t, dir); err != nil {
			return t, fmt.Errorf("cluster %s: %w", c.Context.Cluster, err)
		}
		for _, u := range k.Users {
			if u.Name != c.Context.User {
				continue
			}
			if err := u.User.into(&t, dir, at); err != nil {
				return t, fmt.Errorf("user %s: %w", u.Name, err)
			}
			return t, nil
		}
		return t, fmt.Errorf("context %s names user %q, whom it does not have", wanted, c.Context.User)
	}
	return target{}, fmt.Errorf("it has no context %q: see `kubectl config get-contexts`", wanted)
}

func find(k kubeconfig, name string) (cluster, bool) {
	for _, c := range k.Clusters {
		if c.Name == name {
			return c.Cluster, true
		}
	}
	return cluster{}, false
}

func (c cluster) into(t *target, dir string) error {
	switch {
	case c.Insecure:
		return errors.New("insecure-skip-tls-verify is set, and livekey sends no key to a server that nobody verified: " +
			"put the cluster's root into certificate-authority-data instead")
	case c.Proxy != "":
		return errors.New("proxy-url is set, which livekey does not take")
	}
	var err error
	if t.server, err = parseServer(c.Server); err != nil {
		return fmt.Errorf("server %w", err)
	}
	t.serverName, t.caData = c.ServerName, c.CAData
	if len(c.CAData) == 0 && c.CAFile != "" { // as kubectl has it, the data counts
		t.caFile = below(dir, c.CAFile)
		t.files = append(t.files, t.caFile)
	}
	return nil
}

func (u user) into(t *target, dir string, of cluster) error {
	switch {
	case u.Username != "":
		return errors.New("it logs in with a name and a password, which no server takes any more")
	case u.As != "":
		return errors.New("it acts as somebody else (as), which livekey does not do: give livekey an account of its own")
	case u.AuthProvider != nil:
		return errors.New("auth-provider is no more: use an exec plug-in, such as `kubelogin` or `gke-gcloud-auth-plugin`")
	case u.Exec != nil:
		p, err := u.Exec.login(dir, of)
		if err != nil {
			return fmt.Errorf("exec: %w", err)
		}
		t.login, t.cert = p, p.certificate
		return nil
	}
	switch {
	case u.TokenFile != "": // as kubectl has it, the file counts
		t.login = tokenOf(below(dir, u.TokenFile))
	case u.Token.Len() > 0:
		if err := sendable(u.Token.Value); err != nil {
			return fmt.Errorf("token %w", err)
		}
		t.login = fixedToken{u.Token.Value}
	default:
		t.login = nobody{}
	}
	return u.certificate(t, dir)
}

// certificate is the one that livekey shows, from the file's own bytes or from other files.
func (u user) certificate(t *target, dir string) error {
	if len(u.CertData) == 0 && u.CertFile == "" {
		return nil
	}
	cert, key := u.CertData, u.KeyData.Reveal()
	var err error
	if len(cert) == 0 {
		path := below(dir, u.CertFile)
		t.files = append(t.files, path)
		if cert, err = trusted.ReadCredential(path, trusted.MaxSize); err != nil {
			return err
		}
	}
	if len(key) == 0 {
		path := below(dir, u.KeyFile)
		t.files = append(t.files, path)
		if key, err = trusted.ReadCredential(path, trusted.MaxSize); err != nil {
			return err
		}
		defer clear(key)
	}
	pair, err := keyPair(cert, key)
	if err != nil {
		return err
	}
	t.cert = func() (*tls.Certificate, error) { return pair, nil }
	return nil
}

// keyPair reads a certificate and its key. What the library says is about their content.
func keyPair(cert, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(bytes.TrimSpace(cert), key)
	if err != nil {
		return nil, errors.New("its client certificate and key are no PEM certificate and the PEM key that belongs to it")
	}
	return &pair, nil
}

// below is a path as a file in dir says it.
func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
