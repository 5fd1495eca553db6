package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

const (
	stdinSource = "stdin"
	stdinName   = "stdin"
	maxStdin    = 1 << 20
)

// stdin is the source of `check --stdin`: one record, read when it is asked for.
type stdin struct{ in io.Reader }

func (s stdin) Fetch(ctx context.Context, _ key.Location) (sources.Record, error) {
	type input struct {
		b   []byte
		err error
	}
	read := make(chan input, 1)
	go func() { // a terminal gives nothing until somebody ends a line, and cannot be told to stop
		b, err := io.ReadAll(io.LimitReader(s.in, maxStdin+1))
		read <- input{b, err}
	}()
	var b []byte
	select {
	case <-ctx.Done():
		return sources.Record{}, fmt.Errorf("read standard input: %w", ctx.Err())
	case in := <-read:
		if in.err != nil {
			return sources.Record{}, fmt.Errorf("read standard input: %w", in.err)
		}
		b = in.b
	}
	if len(b) > maxStdin {
		return sources.Record{}, errors.New("read standard input: more than 1 MiB is no key")
	}
	if len(b) == 0 {
		return sources.Record{}, fmt.Errorf("read standard input: %w: it is empty", key.ErrNotFound)
	}
	return sources.Record{Data: secret.New(b)}, nil
}
