package login

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The parameters of every dialect: `with: {host: …}`.
const (
	paramHost     = "host"
	paramPort     = "port"
	paramUser     = "user"
	paramDatabase = "database"
	paramTLS      = "tls"
	paramCAFile   = "ca_file"
)

// Dialect is what differs between the DSNs of databases.
type Dialect struct {
	Name     string   // for people
	Schemes  []string // of its DSNs, in lower case
	Port     string   // where none is said
	Nameless bool     // a password may do without a user
	Local    TLS      // of a password alone, to this machine
	// Says is what a DSN says about TLS, or means by saying nothing.
	Says func(t *Target) TLS
}

// Lint says what is wrong with the parameters.
func (d Dialect) Lint(with map[string]string) error {
	var faults []error
	if host := with[paramHost]; host == "" {
		for _, name := range []string{paramPort, paramUser, paramDatabase} {
			if with[name] != "" {
				faults = append(faults, fmt.Errorf("with.%s: needs host: beside it, to which a password alone is sent; a DSN says it itself", name))
			}
		}
	} else if !isHost(host) {
		faults = append(faults, errors.New("with.host: has to be the name or address of one machine; the port is said by with.port"))
	}
	if port := with[paramPort]; port != "" && !isPort(port) {
		faults = append(faults, errors.New("with.port: has to be a number from 1 to 65535"))
	}
	if t := TLS(with[paramTLS]); t != "" && t != Verify && t != Off {
		faults = append(faults, errors.New("with.tls: has to be verify or off; without it a DSN decides"))
	}
	return errors.Join(faults...)
}

// Hosts is where the config pins a value to or, where the value itself says it, any.
func (d Dialect) Hosts(with map[string]string) []string {
	if with[paramHost] == "" {
		return []string{d.Schemes[0] + "://*"}
	}
	return []string{d.Schemes[0] + "://" + d.pinned(with).String()}
}

func (d Dialect) speaks(scheme string) bool { return slices.Contains(d.Schemes, scheme) }

// pinned is where the config says that a value goes.
func (d Dialect) pinned(with map[string]string) Host {
	h := Host{with[paramHost], with[paramPort]}
	if h.Port == "" {
		h.Port = d.Port
	}
	return h
}

// leadsTo says whether all of hosts are what the config says, if it says one.
func (d Dialect) leadsTo(with map[string]string, hosts []Host) bool {
	if with[paramHost] == "" {
		return true
	}
	pinned := d.pinned(with)
	return !slices.ContainsFunc(hosts, func(h Host) bool {
		return h.Port != pinned.Port || !strings.EqualFold(strings.TrimSuffix(h.Name, "."), strings.TrimSuffix(pinned.Name, "."))
	})
}

// isHost says whether s is an address or a name as DNS has them.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
