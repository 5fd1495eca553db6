package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trusted"
)

// FromKeysDir is the config of an installation that has none: each file of keys.d
// is a key, its name the variable, and all are delivered to one env file.
//
// The folder is $XDG_CONFIG_HOME/livekey/keys.d, as root /etc/livekey/keys.d; the
// sink is keys.env in $XDG_RUNTIME_DIR/livekey, as root in /run/livekey. Names
// that begin with a dot or end in ~ are skipped, as editors leave them. It returns
// an error wrapping ErrNoConfig if the folder is not there or has no key, and a
// Fault if there are keys and no XDG_RUNTIME_DIR to deliver them in.
func FromKeysDir(kinds Kinds) (*Config, error) {
	if os.Geteuid() == 0 {
		return keysDir(filepath.Join(systemDir, "keys.d"), filepath.Join(systemRunDir, "keys.env"), kinds)
	}
	return userKeysDir(kinds)
}

func userKeysDir(kinds Kinds) (*Config, error) {
	home, run := userDir("XDG_CONFIG_HOME", ".config"), userDir("XDG_RUNTIME_DIR", "")
	if home == "" {
		return nil, fmt.Errorf("%w, and neither XDG_CONFIG_HOME nor HOME says where keys.d is", ErrNoConfig)
	}
	sink := ""
	if run != "" {
		sink = filepath.Join(run, "keys.env")
	}
	return keysDir(filepath.Join(home, "keys.d"), sink, kinds)
}

// keysDir is FromKeysDir of dir. An empty sink is a fault, once there are keys.
func keysDir(dir, sink string, kinds Kinds) (*Config, error) {
	d := &document{file: dir}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w, and no folder %s", ErrNoConfig, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("stat keys: %w", err)
	}
	c := &collector{}
	c.take(d.refused(trusted.Check(dir, info)))
	keys := make(map[string]any)
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."), strings.HasSuffix(name, "~"), e.IsDir():
		case !variableName.MatchString(name):
			c.add(d.fault(0, 0, segment(name), "a file whose name is no legal variable",
				"rename it; "+variableRule))
		default:
			loc := key.Location{Source: "file", Path: filepath.Join(dir, name)}
			keys[name] = map[string]any{"from": FormatRef(key.Ref{Location: loc})}
		}
	}
	if len(keys) == 0 && len(c.list) == 0 {
		return nil, fmt.Errorf("%w, and no key in %s", ErrNoConfig, dir)
	}
	// Written as a config would be, so that there is one way to read one.
	sections := map[string]any{"keys": keys}
	if sink == "" {
		c.add(d.fault(0, 0, "", "its keys have no sink: XDG_RUNTIME_DIR is not set",
			"set it, or write a config that names a sink: `livekey config init`"))
	} else {
		sections["sinks"] = map[string]any{"keys": map[string]any{"kind": "env_file", "path": sink, "keys": "all"}}
	}
	d.text, err = yaml.Dump(sections)
	if err != nil {
		return nil, fmt.Errorf("write config of %s: %w", dir, err)
	}
	return assemble([]*document{d}, kinds, Default(os.Geteuid() == 0), c)
}
