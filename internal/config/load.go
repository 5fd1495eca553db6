package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
// files livekey.d/*.yaml, by name. A file that others may write is refused. Everything
// that is wrong in any of them comes back at once, as Faults.
func Load(path string, kinds Kinds) (*Config, error) {
	main, err := readFile(path)
	if err != nil {
		return nil, err
	}
	docs := []*document{main}
	var c collector
	dropIns, err := filepath.Glob(escapeGlob(strings.TrimSuffix(path, filepath.Ext(path))) + ".d/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list drop-ins: %w", err)
	}
	for i, name := range dropIns {
		if strings.HasPrefix(filepath.Base(name), ".") {
			continue
		}
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

// readFile reads a file that nobody but root and the caller may write.
func readFile(path string) (*document, error) {
	// A pipe must not hold the daemon up before it is seen to be one.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open config: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat config: %w", err)
	}
	d := &document{file: path}
	if err := d.trusted(info); err != nil {
		return nil, Join(err)
	}
	d.text, err = io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return d, nil
}

// trusted refuses what others could have written: whoever writes the config says
// where keys are sent.
func (d *document) trusted(info fs.FileInfo) error {
	if info.IsDir() || !info.Mode().IsRegular() {
		return d.fault(0, 0, "", "not a regular file", "name a file")
	}
	return errors.Join(d.owned(info), d.closed(info))
}

// owned refuses a file or folder of anybody but root and the caller.
func (d *document) owned(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
		return d.fault(0, 0, "", "belongs to another user, who could change it",
			"make root or the user that livekey runs as its owner")
	}
	return nil
}

// closed refuses a file or folder that its group or everybody may write.
func (d *document) closed(info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return d.fault(0, 0, "", "others may write it", "chmod go-w "+d.file)
	}
	return nil
}

// escapeGlob keeps the characters of a path from being a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
