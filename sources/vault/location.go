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

// mountParam names a mount that has slashes: the path is then what follows it.
const mountParam = "mount"

// location is one secret in one KV v2 mount.
type location struct {
	mount, path string
	version     int64 // 0: the current one
}

func parseLocation(loc key.Location) (location, error) {
	var at location
	mount, given := sources.Params(loc)[mountParam]
	if given {
		at.mount, at.path = mount, loc.Path
		if rest, repeated := strings.CutPrefix(loc.Path, mount+"/"); repeated {
			return at, fmt.Errorf("with mount=%s the path begins behind the mount: write %s", mount, rest)
		}
	} else {
		at.mount, at.path, _ = strings.Cut(loc.Path, "/")
	}
	if at.path == "" && !given {
		return at, errors.New("the path must be a mount and a secret, such as secret/prod/llm")
	}
	if err := checkSegments(at.mount); err != nil {
		return at, fmt.Errorf("mount: %w", err)
	}
	if err := checkSegments(at.path); err != nil {
		return at, fmt.Errorf("path: %w", err)
	}
	if loc.Version != "" {
		n, err := strconv.ParseInt(string(loc.Version), 10, 32)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != string(loc.Version) {
			return at, errors.New("version must be a number from 1 on; leave it out for the current one")
		}
		at.version = n
	}
	return at, nil
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

func lint(ref key.Ref) error {
	_, err := parseLocation(ref.Location)
	return errors.Join(err, sources.LintParams(ref, mountParam))
}

func (at location) apiPath() string { return at.mount + "/data/" + at.path }

func (at location) query() url.Values {
	if at.version == 0 {
		return nil
	}
	return url.Values{"version": {strconv.FormatInt(at.version, 10)}}
}
