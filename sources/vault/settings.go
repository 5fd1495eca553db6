package vault

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

// settings are what a source's entry says beside its kind.
type settings struct {
	Address string        `yaml:"address"` // https, or http to loopback; empty: api.DefaultAddress
	CAFile  string        `yaml:"ca_file"` // PEM roots instead of the system's
	Timeout time.Duration `yaml:"timeout"` // of one read, a login included
	Auth    auth          `yaml:"auth"`

	// Environment lets VAULT_ADDR, VAULT_CACERT, VAULT_NAMESPACE and, without
	// auth, VAULT_TOKEN and ~/.vault-token fill in what the entry leaves out.
	Environment bool `yaml:"environment"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

type auth struct {
	Method string `yaml:"method"` // token, approle

	TokenFile string `yaml:"token_file"`

	Mount        string `yaml:"mount"` // of approle
	RoleID       string `yaml:"role_id"`
	RoleIDFile   string `yaml:"role_id_file"`
	SecretIDFile string `yaml:"secret_id_file"` // none: the role binds no secret id

	Token    literal `yaml:"token"`
	SecretID literal `yaml:"secret_id"`
}

// The methods of auth.
const (
	methodToken   = "token"
	methodAppRole = "approle"
)

// literal is a secret written into the config. It is refused and never decoded.
type literal struct{}

// UnmarshalConfig refuses whatever is there.
func (*literal) UnmarshalConfig(n config.Node) error {
	return n.Fault("", "a secret does not belong in the config: put it in a file that only livekey may read, "+
		"and name that file in token_file or secret_id_file")
}

func readSettings(node config.Node) (settings, error) {
	s := settings{Timeout: httpclient.Timeout}
	if err := node.Decode(&s); err != nil {
		return s, err
	}
	var faults []error
	if s.Address != "" {
		if _, err := parseAddress(s.Address); err != nil {
			faults = append(faults, node.Fault("address", "%v", err))
		}
	}
	if s.Timeout <= 0 {
		faults = append(faults, node.Fault("timeout", "must be longer than nothing, such as 15s"))
	}
	return s, errors.Join(append(faults, s.authFaults(node)...)...)
}

func (s *settings) authFaults(node config.Node) (faults []error) {
	fault := func(field, format string, args ...any) {
		faults = append(faults, node.Fault("auth."+field, format, args...))
	}
	a := &s.Auth
	ofAppRole := map[string]string{
		"mount": a.Mount, "role_id": a.RoleID, "role_id_file": a.RoleIDFile, "secret_id_file": a.SecretIDFile,
	}
	switch a.Method {
	case "":
		if *a != (auth{}) {
			fault("method", "is missing: token or approle")
		} else if !s.Environment {
			faults = append(faults, node.Fault("auth", "is missing: how livekey logs in to Vault, as "+
				"{method: approle, role_id_file: /…, secret_id_file: /…} or {method: token, token_file: /…}; "+
				"`environment: true` takes VAULT_TOKEN or ~/.vault-token"))
		}
	case methodToken:
		if a.TokenFile == "" {
			fault("token_file", "is missing: method token reads a token from a file")
		}
		for _, field := range []string{"mount", "role_id", "role_id_file", "secret_id_file"} {
			if ofAppRole[field] != "" {
				fault(field, "belongs to method approle, and the method is token")
			}
		}
	case methodAppRole:
		if a.TokenFile != "" {
			fault("token_file", "belongs to method token, and the method is approle")
		}
		switch {
		case a.RoleID == "" && a.RoleIDFile == "":
			fault("role_id_file", "is missing: method approle needs role_id or role_id_file")
		case a.RoleID != "" && a.RoleIDFile != "":
			fault("role_id", "say role_id or role_id_file, not both")
		}
		if a.Mount == "" {
			a.Mount = methodAppRole
		}
		if err := checkSegments(a.Mount); err != nil {
			fault("mount", "%v", err)
		}
	default:
		fault("method", "must be token or approle")
	}
	return faults
}

// target is where requests go.
type target struct {
	address   *url.URL
	namespace string
	caFile    string
}

// target is the settings with the environment filled in where they allow it.
func (s *settings) target() (target, error) {
	t := target{caFile: s.CAFile}
	address, from := s.Address, "address"
	if s.Environment {
		if address == "" {
			address, from = os.Getenv(api.EnvVaultAddress), api.EnvVaultAddress
		}
		if t.caFile == "" {
			t.caFile = os.Getenv(api.EnvVaultCACert)
		}
		t.namespace = os.Getenv(api.EnvVaultNamespace)
	}
	if address == "" {
		address = api.DefaultAddress
	}
	var err error
	if t.address, err = parseAddress(address); err != nil {
		return t, fmt.Errorf("read %s: %w", from, err)
	}
	return t, nil
}

// method is how to log in. It does no I/O but to read the environment.
func (s *settings) method(c *client) method {
	switch {
	case s.Auth.Method == methodToken:
		return &tokenFile{path: s.Auth.TokenFile}
	case s.Auth.Method == methodAppRole:
		return &appRole{client: c, auth: s.Auth}
	case os.Getenv(api.EnvVaultToken) != "":
		return tokenVariable{}
	default:
		home, err := os.UserHomeDir()
		if err != nil {
			home = "~" // says in the error which file was meant
		}
		return &tokenFile{path: filepath.Join(home, ".vault-token")}
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
