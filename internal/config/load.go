package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/livekey/livekey/internal/trusted"
)

// ErrNoConfig says that no config was named and that none is where one could be.
var ErrNoConfig = errors.New("no config")

// Find is the config to use: named (of --config) if it is set, else
// /etc/livekey/livekey.yaml, else $XDG_CONFIG_HOME/livekey/livekey.yaml, else
// an error wrapping ErrNoConfig.
func Find(named string) (string, error) {
	if named != "" {
		path, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("find config: %w", err)
		}
		return path, nil
	}
	tried := []string{systemFile}
	if user := userFile(); user != "" {
		tried = append(tried, user)
	}
	var denied error
	for _, path := range tried {
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist) && denied == nil:
			denied = err // the user's own may still be there
		}
	}
	if denied != nil {
		return "", fmt.Errorf("find config: %w", denied)
	}
	return "", fmt.Errorf("%w at %s", ErrNoConfig, list(tried))
}

// Place is where a new config belongs, so that Find finds it: named if it is set,
// else the machine's for root, else the user's own.
func Place(named string) (string, error) {
	switch user := userFile(); {
	case named != "":
		path, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("place config: %w", err)
		}
		return path, nil
	case os.Geteuid() == 0:
		return systemFile, nil
	case user == "":
		return "", errors.New("place config: neither XDG_CONFIG_HOME nor HOME says where; name the file")
	default:
		return user, nil
	}
}

// Load reads the config at path and the drop-ins beside it: of livekey.yaml, the
// files livekey.d/*.yaml, by name. A file that others may write is refused, and so is
// such a folder. Everything that is wrong in any of them comes back at once, as Faults.
func Load(path string, kinds Kinds) (*Config, error) {
	main, err := readFile(path)
	if err != nil {
		return nil, err
	}
	docs := []*document{main}
	var c collector
	dropIns, err := main.dropIns()
	if rest := c.take(err); len(rest) > 0 {
		return nil, fmt.Errorf("list drop-ins: %w", rest[0])
	}
	for i, name := range dropIns {
		d, err := readFile(name)
		if rest := c.take(err); len(rest) > 0 {
			return nil, errors.Join(rest...)
		}
		if err == nil {
			d.order = i + 1
			docs = append(docs, d)
		}
	}
	return assemble(docs, kinds, Default(forSystem(path)), &c)
}

// Read is Load of a text, without drop-ins. file is for the faults.
func Read(file string, text []byte, kinds Kinds) (*Config, error) {
	return assemble([]*document{{file: file, text: text}}, kinds, Default(forSystem(file)), &collector{})
}

// readFile reads a file that nobody but root and the caller may write: whoever
// writes the config says where keys are sent.
func readFile(path string) (*document, error) {
	d := &document{file: path}
	text, err := trusted.Read(path)
	if _, no := errors.AsType[*trusted.Refused](err); no {
		return nil, Join(d.refused(err))
	}
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	d.text = text
	return d, nil
}

// refused makes a fault of the document of what package trusted refused, and
// leaves other errors as they are.
func (d *document) refused(err error) error {
	if r, no := errors.AsType[*trusted.Refused](err); no {
		return d.fault(0, 0, "", r.Reason, r.Hint)
	}
	return err
}

// dropIns are the files livekey.d/*.yaml of a livekey.yaml, by name. Whoever may write the
// folder could add one, so a folder that others may write is a fault, whatever is in it.
func (d *document) dropIns() ([]string, error) {
	dir := strings.TrimSuffix(d.file, filepath.Ext(d.file)) + ".d"
	err := trusted.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, (&document{file: dir}).refused(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}
