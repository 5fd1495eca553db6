// Package kube speaks to the API of Kubernetes: one object at a time, by the few calls that
// livekey makes. It finds the server and who livekey is there as kubectl does, from the
// service account of a pod or from a kubeconfig.
//
// docs/adr/0012 says why this is not client-go.
package kube

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

// Config says which cluster is meant, and who livekey is there. The zero Config is the
// cluster in whose pod livekey runs; elsewhere that of $KUBECONFIG or ~/.kube/config.
type Config struct {
	Kubeconfig string `yaml:"kubeconfig"` // a file
	Context    string `yaml:"context"`    // of the kubeconfig; empty: its current one
	Namespace  string `yaml:"namespace"`  // empty: the pod's own, or the context's
	API        string `yaml:"api"`        // https, or http to loopback: instead of a kubeconfig
	TokenFile  string `yaml:"token_file"` // beside api
	CAFile     string `yaml:"ca_file"`    // beside api
}

// Check returns every fault of the settings at n, without I/O.
func (c Config) Check(n config.Node) error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, n.Fault(field, format, args...))
	}
	if c.API != "" {
		if _, err := parseServer(c.API); err != nil {
			fault("api", "%v", err)
		}
		if c.Kubeconfig != "" || c.Context != "" {
			fault("api", "names the server, and a kubeconfig does too: choose one")
		}
	} else if c.TokenFile != "" || c.CAFile != "" {
		fault("api", "is missing: the server that token_file and ca_file are for")
	}
	if c.Namespace != "" {
		if err := CheckNamespace(c.Namespace); err != nil {
			fault("namespace", "%v", err)
		}
	}
	return errors.Join(faults...)
}

var (
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`)
)

// CheckNamespace says why name can be no namespace.
func CheckNamespace(name string) error {
	if !label.MatchString(name) {
		return fmt.Errorf("%q can be no namespace: at most 63 small letters, digits and -, none at its ends", name)
	}
	return nil
}

// CheckName says why name can be no object's.
func CheckName(name string) error {
	if !subdomain.MatchString(name) {
		return fmt.Errorf("%q can be no object's name: at most 253 small letters, digits, - and ., none at its ends", name)
	}
	return nil
}

// parseServer refuses what would send a token in the clear or to two places. Its errors do
// not quote the address: a password may be in it.
func parseServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("must be a URL, such as https://kubernetes.example.com:6443")
	case u.User != nil:
		return nil, errors.New("must not hold a user or a password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must end with the host, a port or a path: no ? and no #")
	case u.Scheme == "https", u.Scheme == "http" && httpclient.Loopback(u.Hostname()):
		return u.JoinPath("."), nil
	case u.Scheme == "http":
		return nil, errors.New("must be https: http sends token and keys in the clear, and is for loopback alone")
	default:
		return nil, errors.New("must begin with https://")
	}
}
