package post

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/livekey/livekey/internal/secret"
)

// maxFile is what a file with a credential may have, in bytes.
const maxFile = 4 << 10

// ReadFile reads the file that the setting field names. It is read anew for
// every alert, so that a changed file needs no reload. No error quotes it.
func ReadFile(field, path string) (secret.Value, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait for a writer
	if err != nil {
		return secret.Value{}, fmt.Errorf("read %s: %w", field, secret.Scrub(err))
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return secret.Value{}, fmt.Errorf("read %s: %w", field, secret.Scrub(err))
	}
	switch {
	case !info.Mode().IsRegular():
		return secret.Value{}, fmt.Errorf("read %s %s: not a regular file", field, path)
	case info.Mode().Perm()&0o007 != 0:
		return secret.Value{}, fmt.Errorf("read %s %s: everybody may use it; chmod o= it", field, path)
	case info.Size() > maxFile:
		return secret.Value{}, fmt.Errorf("read %s %s: larger than %d bytes", field, path, maxFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	v := secret.New(text)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read %s: %w", field, secret.Scrub(err))
	}
	return v, nil
}

// Credential reads a file that holds one credential: a word of printable ASCII.
// Blanks and newlines around it are not part of it.
func Credential(field, path string) (secret.Value, error) {
	file, err := ReadFile(field, path)
	if err != nil {
		return file, err
	}
	word := bytes.TrimSpace(file.Reveal())
	if len(word) == 0 {
		return secret.Value{}, fmt.Errorf("read %s %s: nothing inside", field, path)
	}
	for _, c := range word {
		if c <= ' ' || c > '~' {
			return secret.Value{}, fmt.Errorf("read %s %s: more than one word of printable ASCII inside", field, path)
		}
	}
	return secret.New(word), nil
}
