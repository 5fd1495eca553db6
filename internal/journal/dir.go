package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrUnsafe says that somebody else could change what the journal promises: the
// owners it has pinned, the pauses, what is livekey's own.
var ErrUnsafe = errors.New("others may write it")

// makeDir makes dir, or sees that nobody but us and root may write there.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the config says where
		return fmt.Errorf("create state_dir: %w", err)
	}
	fi, err := os.Stat(dir) //nolint:gosec // the config says where
	if err != nil {
		return fmt.Errorf("look at state_dir: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	ours := st.Uid == 0 || int(st.Uid) == os.Geteuid()
	// A group of our own is what a umask of 002 gives every folder.
	group := fi.Mode().Perm()&0o020 != 0 && int(st.Gid) != os.Getegid()
	if !ours || group || fi.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("use state_dir %s: %w (owner %d, mode %04o): chown it to the user of livekey and chmod 0700",
			dir, ErrUnsafe, st.Uid, fi.Mode().Perm())
	}
	return nil
}

// openRegular opens a file and nothing else: no link is followed, and a pipe in its
// place keeps nobody waiting.
func openRegular(path string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm) //nolint:gosec // the config says where
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: move it away", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
