package vault

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

// settings are what a source's entry says beside its kind.
type settings struct {
	Address    string `yaml:"address"`          // https, or http to loopback; empty: api.DefaultAddress
	Namespace  string `yaml:"namespace"`        // of references that do not say
	KV         int    `yaml:"kv"`               // version of the mounts, 1 or 2; 0: Vault is asked, once for each mount
	CAFile     string `yaml:"ca_file"`          // PEM roots instead of the system's
	ServerName string `yaml:"server_name"`      // in Vault's certificate, where it is not the address's host
	ClientCert string `yaml:"client_cert_file"` // PEM, shown to a Vault that asks for one
	ClientKey  string `yaml:"client_key_file"`

	Timeout time.Duration `yaml:"timeout"` // of one read, a login included
	Auth    auth          `yaml:"auth"`

	// Environment lets variables of Vault's own client fill in what the entry
	// leaves out: see target, and tokenOfEnvironment for the token.
	Environment bool `yaml:"environment"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

func readSettings(node config.Node) (settings, error) {
	s := settings{Timeout: httpclient.Timeout, Auth: auth{Renew: true}}
	if err := node.Decode(&s); err != nil {
		return s, err
	}
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, node.Fault(field, format, args...))
	}
	if s.Address != "" {
		if _, err := parseAddress(s.Address); err != nil {
			fault("address", "%v", err)
		}
	}
	if s.Namespace != "" {
		if err := checkSegments(s.Namespace); err != nil {
			fault("namespace", "%v", err)
		}
	}
	if s.KV < 0 || s.KV > 2 {
		fault("kv", "must be 1 or 2, the version of the KV engines; leave it out and livekey asks Vault")
	}
	if s.Timeout <= 0 {
		fault("timeout", "must be longer than nothing, such as 15s")
	}
	s.checkTLS(fault)
	switch {
	case s.Auth.Method != "":
		s.Auth.check(fault)
	case len(s.Auth.said()) > 0 || s.Auth.Namespace != "" || !s.Auth.Renew && !s.Environment:
		fault("auth.method", "is missing: %s", methodNames())
	case !s.Environment:
		fault("auth", "is missing: how livekey logs in to Vault, as %s or %s; "+
			"`environment: true` takes VAULT_TOKEN or ~/.vault-token", methodRules[1].example, methodRules[0].example)
	}
	return s, errors.Join(faults...)
}

func (s *settings) checkTLS(fault func(field, format string, args ...any)) {
	switch {
	case s.ClientCert != "" && s.ClientKey == "":
		fault("client_key_file", "is missing: the key of client_cert_file")
	case s.ClientCert == "" && s.ClientKey != "":
		fault("client_cert_file", "is missing: the certificate of client_key_file")
	case s.ClientCert == "" && s.Auth.Method == methodCert && !s.Environment:
		fault("client_cert_file", "is missing: method cert logs in with client_cert_file and client_key_file")
	}
	if strings.HasPrefix(s.Address, "http://") && (s.ClientCert != "" || s.Auth.Method == methodCert) {
		fault("address", "must be https: without TLS there is nobody to show a client certificate to")
	}
}

// target is where requests go, and how livekey shows who it is when it connects.
type target struct {
	address    *url.URL
	namespace  string
	caFile     string
	serverName string
	clientFiles
}

// clientFiles are a certificate and its key; both are empty without one.
type clientFiles struct{ cert, key string }

// target is the settings with the environment filled in where they allow it.
func (s *settings) target() (target, error) {
	t := target{
		namespace: s.Namespace, caFile: s.CAFile, serverName: s.ServerName,
		clientFiles: clientFiles{s.ClientCert, s.ClientKey},
	}
	address, from := s.Address, "address"
	if s.Environment {
		if address == "" {
			address, from = environment(api.EnvVaultAddress)
		}
		fill(&t.namespace, api.EnvVaultNamespace)
		fill(&t.caFile, api.EnvVaultCACert)
		fill(&t.serverName, api.EnvVaultTLSServerName)
		if t.cert == "" { // both or none: a pair is of one maker
			fill(&t.cert, api.EnvVaultClientCert)
			fill(&t.key, api.EnvVaultClientKey)
		}
	}
	if address == "" {
		address = api.DefaultAddress
	}
	var err error
	if t.address, err = parseAddress(address); err != nil {
		return t, fmt.Errorf("read %s: %w", from, err)
	}
	t.namespace = strings.Trim(t.namespace, "/")
	if (t.cert == "") != (t.key == "") || t.cert == "" && s.Auth.Method == methodCert {
		return t, fmt.Errorf("a client certificate takes two files: set client_cert_file and client_key_file, or %s and %s",
			api.EnvVaultClientCert, api.EnvVaultClientKey)
	}
	return t, nil
}

// environment is what OpenBao's or Vault's own client takes from its variable, named
// as Vault names it, and the name of the one that says it.
func environment(variable string) (value, name string) {
	if rest, ok := strings.CutPrefix(variable, "VAULT_"); ok {
		if v := os.Getenv("BAO_" + rest); v != "" {
			return v, "BAO_" + rest
		}
	}
	return os.Getenv(variable), variable
}

// fill takes a variable where the config says nothing.
func fill(field *string, variable string) {
	if *field == "" {
		*field, _ = environment(variable)
	}
}

// parseAddress refuses what would send a token in the clear or to two places. Its
// errors do not quote the address: a password may be in it.
func parseAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("must be a URL, such as https://vault.example.com:8200")
	case u.User != nil:
		return nil, errors.New("must not hold a user or a password: livekey logs in by auth")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must end with the host, a port or a path: no ? and no #")
	case u.Scheme == "https", u.Scheme == "http" && httpclient.Loopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, errors.New("must be https: http sends token and keys in the clear, and is for loopback alone")
	default:
		return nil, errors.New("must begin with https://")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
