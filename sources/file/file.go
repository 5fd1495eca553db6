// Package file reads keys from files: mounted secrets, systemd credentials, what
// an agent or an editor leaves in a folder. It notices changes by inotify.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

const (
	// maxSize is the largest record: far above any key, and systemd's own limit
	// for credentials.
	maxSize = 1 << 20

	// slowPoll is how often files are read although inotify says nothing: it
	// knows nothing of NFS, FUSE and overlays.
	slowPoll = 30 * time.Second

	// credentials may begin a path. It stands for the directory in which systemd
	// puts what a unit's LoadCredential= names.
	credentials = "$CREDENTIALS_DIRECTORY"
)

// settings are those of an entry under sources: with kind file.
type settings struct {
	// Path is the directory to which a location is relative: absolute, or
	// beginning with $CREDENTIALS_DIRECTORY. Empty: locations are absolute.
	Path string `yaml:"path"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Source is the files of this machine, or those below one directory.
type Source struct {
	root           string
	credentialsDir string // what $CREDENTIALS_DIRECTORY was at the start; empty: unset
	log            *slog.Logger

	warned sync.Map // paths of which a warning was logged
}

// FromConfig makes a Source. It looks at the environment for
// $CREDENTIALS_DIRECTORY, and at no file.
func FromConfig(env sources.Env, node config.Node) (sources.Source, error) {
	var set settings
	if err := node.Decode(&set); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if set.Path != "" {
		if err := lintAbsolute(set.Path); err != nil {
			return nil, node.Fault("path", "%v", err)
		}
	}
	return &Source{root: set.Path, credentialsDir: os.Getenv("CREDENTIALS_DIRECTORY"), log: env.Log}, nil
}

// Fetch returns the whole file at loc. An empty file is not found: its writer
// has made the name and will fill it. A directory, a pipe and a file above
// 1 MiB are errors.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	path, err := s.resolve(loc.Path)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	if err := ctx.Err(); err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", path, err)
	}
	if loc.Version != "" {
		return sources.Record{}, fmt.Errorf("read %s: %w", path, errNoVersions)
	}

	// O_NONBLOCK: opening a pipe without a writer would wait forever.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sources.Record{}, fmt.Errorf("read %s: %w", path, key.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return sources.Record{}, fmt.Errorf("%w: let uid %d, as which livekey runs, read it and enter the folders above it", err, os.Geteuid())
	case err != nil:
		return sources.Record{}, err // names the operation and the path
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return sources.Record{}, err
	}
	if err := refuse(info); err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", path, err)
	}
	s.warnOfMode(ctx, path, info.Mode())

	data, err := readAll(f, info.Size())
	value := secret.New(data)
	switch {
	case err != nil:
		return sources.Record{}, fmt.Errorf("read %s: %w", path, err)
	case value.Len() == 0:
		return sources.Record{}, fmt.Errorf("read %s: is empty: not there yet: %w", path, key.ErrNotFound)
	}
	return sources.Record{Data: value, Created: info.ModTime()}, nil
}

// Refresh is the poll behind the watch.
func (s *Source) Refresh() time.Duration { return slowPoll }

var errNoVersions = errors.New("a file keeps no older versions: leave ?version= out")

// Lint refuses versions, unknown parameters, and paths that are not absolute
// where the source has no directory, or that leave it where it has one.
func (s *Source) Lint(ref key.Ref) error {
	faults := []error{s.lintPath(ref.Path)}
	if ref.Version != "" {
		faults = append(faults, errNoVersions)
	}
	return errors.Join(append(faults, sources.LintParams(ref))...)
}

func (s *Source) lintPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path of a file is missing: write file:///etc/keys/name")
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("%s is a directory: name a file inside it", path)
	case isAbsolute(path):
		return lintAbsolute(path)
	case s.root == "":
		return fmt.Errorf("%s is relative: write file:/// and the absolute path, or give the source a directory with `path:`", path)
	case !filepath.IsLocal(path):
		return fmt.Errorf("%s leaves the directory %s of its source", path, s.root)
	}
	return nil
}

func isAbsolute(path string) bool {
	return filepath.IsAbs(path) || path == credentials || strings.HasPrefix(path, credentials+"/")
}

func lintAbsolute(path string) error {
	if !isAbsolute(path) {
		return fmt.Errorf("%s is neither absolute nor below %s", path, credentials)
	}
	// Where a folder is a symlink, what ".." means depends on who resolves it.
	if slices.Contains(strings.Split(path, "/"), "..") {
		return fmt.Errorf("%s has .. in it: write the path without", path)
	}
	return nil
}

// resolve makes the absolute path of a location.
func (s *Source) resolve(path string) (string, error) {
	if err := s.lintPath(path); err != nil {
		return "", err
	}
	path = s.Path(key.Location{Path: path})
	if below, ok := strings.CutPrefix(path, credentials); ok {
		if s.credentialsDir == "" {
			return "", fmt.Errorf("%s is not set, livekey was not started by a unit with LoadCredential=: %w", credentials, key.ErrNotFound)
		}
		path = s.credentialsDir + below
	}
	return filepath.Clean(path), nil
}

// Path is where loc is, with $CREDENTIALS_DIRECTORY as it stands.
func (s *Source) Path(loc key.Location) string {
	if isAbsolute(loc.Path) {
		return filepath.Clean(loc.Path)
	}
	return filepath.Join(s.root, loc.Path)
}

func refuse(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("is a directory, not a record: name a file inside it")
	case !info.Mode().IsRegular():
		return fmt.Errorf("is no regular file but of mode %s", info.Mode())
	case info.Size() > maxSize:
		return errTooLarge
	}
	return nil
}

var errTooLarge = errors.New("is larger than 1 MiB: this cannot be a key")

// warnOfMode says once a path that others than owner and group may read or write a key.
func (s *Source) warnOfMode(ctx context.Context, path string, mode fs.FileMode) {
	if mode.Perm()&0o006 != 0 && s.warns(path) {
		s.log.WarnContext(ctx, "key file open to every user", "path", path, "mode", mode.String())
	}
}

// warns says whether a warning about path is still to be logged, and notes that it is.
func (s *Source) warns(path string) bool {
	_, again := s.warned.LoadOrStore(path, true)
	return !again
}

// readAll reads r to its end into one buffer where size, in bytes, is right. A
// buffer that was outgrown is cleared.
func readAll(r io.Reader, size int64) ([]byte, error) {
	buf := make([]byte, 0, size+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			return buf, nil
		case err != nil:
			clear(buf)
			return nil, err
		case len(buf) > maxSize:
			clear(buf)
			return nil, errTooLarge
		case len(buf) == cap(buf):
			larger := make([]byte, len(buf), 2*cap(buf))
			copy(larger, buf)
			clear(buf)
			buf = larger
		}
	}
}
