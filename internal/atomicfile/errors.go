package atomicfile

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrInDoubt says that an error came after the new content took its place. Read
// what is there before saying that nothing changed; a power cut may still bring
// the old content back.
var ErrInDoubt = errors.New("in place, may not survive a power cut")

// ErrUnsafe says that somebody else could swap the file for another: a directory
// on the way to it is theirs, or writable by them.
var ErrUnsafe = errors.New("unsafe directory")

// ErrNotRegular says that something other than a regular file has the name.
var ErrNotRegular = errors.New("not a regular file")

// ErrMounted says that the file itself is a mount point, over which nothing can
// be renamed.
var ErrMounted = errors.New("the file itself is mounted; mount its directory instead")

// hint adds what to do where the kernel's word alone does not say it.
func hint(err error) error {
	switch {
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("%w: %w", ErrMounted, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: a unit with ProtectSystem= must list this directory in ReadWritePaths=; `livekey config systemd` prints what livekey.service needs", err)
	default:
		return err
	}
}
