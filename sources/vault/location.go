package vault

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// Parameters of a reference, each with what it says beside the source's own settings.
const (
	mountParam     = "mount"     // the mount's whole name: the path is then what follows it
	kvParam        = "kv"        // its version, 1 or 2
	namespaceParam = "namespace" // where the mount is
)

// location is one secret in one KV mount. Until Vault was asked, kv is 0, and the
// mount may be a part of path.
type location struct {
	namespace string // empty: the source's own
	mount     string
	path      string
	kv        int
	version   int64 // 0: the current one
}

// parseLocation reads loc. kv is the version of the source's mounts, 0 if it does not say.
func parseLocation(loc key.Location, kv int) (location, error) {
	params := sources.Params(loc)
	at := location{kv: kv, path: loc.Path}
	if text, given := params[kvParam]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n != 1 && n != 2 {
			return at, errors.New("kv must be 1 or 2, the version of the mount's KV engine")
		}
		at.kv = n
	}
	if text, given := params[namespaceParam]; given {
		if err := checkSegments(text); err != nil {
			return at, fmt.Errorf("namespace: %w", err)
		}
		at.namespace = text
	}
	if err := at.split(params); err != nil {
		return at, err
	}
	if loc.Version == "" {
		return at, nil
	}
	n, err := strconv.ParseInt(string(loc.Version), 10, 32)
	switch {
	case err != nil || n < 1 || strconv.FormatInt(n, 10) != string(loc.Version):
		return at, errors.New("version must be a number from 1 on; leave it out for the current one")
	case at.kv == 1:
		return at, errNoVersions
	}
	at.version = n
	return at, nil
}

var errNoVersions = errors.New("a KV engine of version 1 keeps no versions: leave version out")

// split takes the mount off the path as far as the config says where it ends.
func (at *location) split(params map[string]string) error {
	mount, given := params[mountParam]
	switch first, rest, _ := strings.Cut(at.path, "/"); {
	case given:
		at.mount = mount
		if behind, repeated := strings.CutPrefix(at.path, mount+"/"); repeated {
			return fmt.Errorf("with mount=%s the path begins behind the mount: write %s", mount, behind)
		}
		if err := checkSegments(at.mount); err != nil {
			return fmt.Errorf("mount: %w", err)
		}
	case rest == "":
		return errors.New("the path must be a mount and a secret, such as secret/prod/llm")
	case at.kv != 0:
		at.mount, at.path = first, rest
	}
	if err := checkSegments(at.path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	return nil
}

// checkSegments refuses what a server or a proxy would read as another path.
func checkSegments(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "":
			return errors.New("an empty name: no slash at the beginning, at the end or twice")
		case segment == "." || segment == "..":
			return errors.New("the name . or .., which a server reads as another path")
		case strings.ContainsFunc(segment, unicode.IsControl):
			return errors.New("a control character inside")
		}
	}
	return nil
}

func lint(ref key.Ref, kv int) error {
	_, err := parseLocation(ref.Location, kv)
	return errors.Join(err, sources.LintParams(ref, mountParam, kvParam, namespaceParam))
}

// whole is the path with the mount before it.
func (at location) whole() string {
	if at.mount == "" {
		return at.path
	}
	return at.mount + "/" + at.path
}

func (at location) apiPath() string {
	if at.kv == 1 {
		return at.mount + "/" + at.path
	}
	return at.mount + "/data/" + at.path
}

func (at location) query() url.Values {
	if at.version == 0 {
		return nil
	}
	return url.Values{"version": {strconv.FormatInt(at.version, 10)}}
}

// policy is the line that a token's policy must have to read at.
func (at location) policy() string {
	return fmt.Sprintf("path %q { capabilities = [\"read\"] }", at.apiPath())
}
