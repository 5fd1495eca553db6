package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	socketMode = 0o660 // of Group
	aloneMode  = 0o600 // where there is no Group
	reportMode = 0o666 // for every consumer: who may speak for which key is asked of the kernel
	folderMode = 0o711 // everybody passes through to the socket for reports, nobody else may list
	// Group may use the socket beside the daemon's own user.
	Group = "livekey-admin"
	// maxSocketPath is what sun_path of unix(7) holds, less the final zero.
	maxSocketPath = 107
	probeTimeout  = time.Second
)

// ErrInUse says that another daemon answers on the socket.
var ErrInUse = errors.New("another livekey answers on this socket")

// ReportSocket is where consumers report: in the folder of the daemon's own socket.
func ReportSocket(socket string) string { return filepath.Join(filepath.Dir(socket), "report.sock") }

// listen makes the socket at path. The file has its mode and group before it
// has its name: it is bound under another one and renamed, which also replaces
// what a daemon that was killed left behind.
func listen(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, error) {
	fresh := filepath.Join(filepath.Dir(path), ".new") // no longer than path, whose length is limited
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("listen on socket %s: the path has %d bytes, %d are possible: set a shorter `socket:`",
			path, len(path), maxSocketPath)
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make folder of socket: %w", err)
	}
	if err := replaceable(ctx, path); err != nil {
		return nil, fmt.Errorf("listen on socket %s: %w", path, err)
	}
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would unlink the name it was bound under
	if err := publish(fresh, path, mode); err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(fresh))
	}
	return l, nil
}

func publish(fresh, path string, mode fs.FileMode) error {
	if shared := shareWithGroup(fresh); !shared && mode == socketMode {
		mode = aloneMode // its group is the user's own, or that of a pod's volumes
	}
	if err := os.Chmod(fresh, mode); err != nil {
		return fmt.Errorf("set mode of socket: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("name socket: %w", err)
	}
	return nil
}

// replaceable is nil if nothing is at path, or the socket of a daemon that is gone.
func replaceable(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("what is there is no socket: move it away or set another `socket:`")
	}
	probe := net.Dialer{Timeout: probeTimeout}
	conn, err := probe.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return ErrInUse
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // what is above the folder, as /run, is for all
		return err
	}
	if err := os.Mkdir(dir, folderMode); err != nil {
		return err
	}
	shareWithGroup(dir)
	return nil
}

// shareWithGroup gives path to the admin group where there is one and we may, and says
// whether it did.
func shareWithGroup(path string) bool {
	g, err := user.LookupGroup(Group)
	if err != nil {
		return false
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return false
	}
	return os.Chown(path, -1, gid) == nil // who is not root may give it to his own groups
}
