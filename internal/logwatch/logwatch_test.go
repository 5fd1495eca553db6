package logwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestPatterns(t *testing.T) {
	regexpOf := func(s string) Pattern {
		p, err := Regexp(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		rule    string
		p       Pattern
		line    string
		matches bool
	}{
		{"a text is found", Literal("authentication_error"), `{"type":"authentication_error"}`, true},
		{"a text is no expression", Literal("40."), "status 401", false},
		{"an expression is", regexpOf(`status 40[13]\b`), "status 403 forbidden", true},
		{"and is exact", regexpOf(`status 40[13]\b`), "status 4030", false},
		{"nothing matches nothing", Literal(""), "line", false},
		{"nor does the zero pattern", Pattern{}, "line", false},
	} {
		if got := c.p.Match([]byte(c.line)); got != c.matches {
			t.Errorf("%s: %t", c.rule, got)
		}
	}
	if _, err := Regexp(`(a`); err == nil {
		t.Error("half an expression is taken")
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine+100)
	for _, c := range []struct {
		rule   string
		writes []string
		want   []string
	}{
		{"a line may come in pieces", []string{"a", "b\nc", "\n"}, []string{"ab", "c"}},
		{"and many at once", []string{"a\n\nb\n"}, []string{"a", "", "b"}},
		{"one that has not ended is none", []string{"a\nb"}, []string{"a"}},
		{"Windows ends lines otherwise", []string{"a\r\n"}, []string{"a"}},
		{"of a long one the beginning counts", []string{long, long, "\nb\n"}, []string{long[:MaxLine], "b"}},
	} {
		var got []string
		l := lines{each: func(b []byte) { got = append(got, string(b)) }}
		for _, w := range c.writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: %d, %v", c.rule, n, err)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %.100q", c.rule, got)
		}
	}
}

func TestNothingOfALineStays(t *testing.T) {
	const canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"
	l := lines{each: func([]byte) {}}
	_, _ = l.Write([]byte(canary + "\n"))
	if bytes.Contains(l.buf[:cap(l.buf)], []byte(canary[3:9])) {
		t.Error("the buffer still has it")
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n"), 1)
	f.Add([]byte(strings.Repeat("a", MaxLine+1)+"\n"), 100)
	re, err := Regexp(`a+b`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		var got [][]byte
		l := lines{each: func(b []byte) { re.Match(b); got = append(got, bytes.Clone(b)) }}
		for part := range slices.Chunk(text, max(1, piece)) {
			_, _ = l.Write(part)
		}
		var want [][]byte
		for line := range bytes.Lines(text) {
			cut, ended := bytes.CutSuffix(line, []byte("\n"))
			if !ended {
				continue
			}
			if len(cut) >= MaxLine {
				cut = cut[:MaxLine]
			} else {
				cut = bytes.TrimSuffix(cut, []byte("\r"))
			}
			want = append(want, cut)
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q in pieces of %d: %q", text, piece, got)
		}
	})
}

// follower is a log that is followed, and what came of it.
type follower struct {
	t     *testing.T
	mu    sync.Mutex
	got   []string
	polls int
	err   error
}

func follow(t *testing.T, l interface {
	Follow(ctx context.Context, line func([]byte), trouble func(error))
},
) *follower {
	f := &follower{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Follow(ctx, func(b []byte) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.got = append(f.got, string(b))
		}, func(err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.err = err
			f.polls++
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// until waits for ok.
func (f *follower) until(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		f.mu.Lock()
		yes := ok()
		f.mu.Unlock()
		if yes {
			return
		}
	}
	f.t.Fatalf("never %s: %q, %v", what, f.got, f.err)
}

// looked waits until the file was looked at twice more: once after whatever was done before.
func (f *follower) looked() {
	f.t.Helper()
	f.mu.Lock()
	n := f.polls + 2
	f.mu.Unlock()
	f.until("looked at", func() bool { return f.polls >= n })
}

func (f *follower) want(lines ...string) {
	f.t.Helper()
	f.until(fmt.Sprintf("got %q", lines), func() bool { return slices.Equal(f.got, lines) })
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsFollowed(t *testing.T) {
	for _, c := range []struct {
		rule string
		play func(t *testing.T, path string, f *follower)
		want []string
	}{
		{"from its end", func(t *testing.T, path string, _ *follower) {
			appendTo(t, path, "one\ntwo\n")
		}, []string{"one", "two"}},
		{"when it is renamed, the old to its end and the new from its beginning", func(t *testing.T, path string, _ *follower) {
			appendTo(t, path, "one\n")
			do(t, os.Rename(path, path+".1"))
			appendTo(t, path+".1", "two\n")
			appendTo(t, path, "three\n")
		}, []string{"one", "two", "three"}},
		{"when it is gone for a while", func(t *testing.T, path string, f *follower) {
			do(t, os.Rename(path, path+".1"))
			f.until("in trouble", func() bool { return errors.Is(f.err, fs.ErrNotExist) })
			appendTo(t, path, "one\n")
			f.until("out of it", func() bool { return f.err == nil })
		}, []string{"one"}},
		{"when it is cut off", func(t *testing.T, path string, f *follower) {
			appendTo(t, path, "one, and half of\n another")
			f.until("read", func() bool { return len(f.got) == 1 })
			f.looked()
			do(t, os.Truncate(path, 0))
			f.looked()
			appendTo(t, path, "two\n")
		}, []string{"one, and half of", "two"}},
		{"when it is a link that points elsewhere", func(t *testing.T, path string, _ *follower) {
			other := path + ".other"
			appendTo(t, other, "one\n")
			do(t, os.Symlink(other, path+".new"), os.Rename(path+".new", path))
		}, []string{"one"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.log")
			appendTo(t, path, "of before\n")
			f := follow(t, File{Path: path, Every: 5 * time.Millisecond})
			f.looked()
			c.play(t, path, f)
			f.want(c.want...)
			f.looked()
			f.want(c.want...)
		})
	}
}

// A hole costs whoever makes it nothing, and would cost a reader the machine for minutes.
func TestAFileThatGrowsWithoutMeasureIsNotReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var got []string
	r := &reader{path: path, lines: lines{each: func(b []byte) { got = append(got, string(b)) }}, buf: make([]byte, chunk)}
	defer r.close()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := r.poll(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\nrefused\n"), 1<<40); err != nil {
		t.Skip("no such hole on this file system")
	}
	began := time.Now()
	if err := r.poll(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second || !slices.Contains(got, "refused") {
		t.Errorf("took %s, the end was read: %t", took, slices.Contains(got, "refused"))
	}
}

func TestWhatCannotBeFollowedIsTold(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	do(t, syscall.Mkfifo(pipe, 0o600))
	for path, says := range map[string]string{
		pipe: "not a regular file", dir: "not a regular file", filepath.Join(dir, "none"): "no such file",
	} {
		f := follow(t, File{Path: path, Every: 5 * time.Millisecond})
		f.until("told", func() bool { return f.err != nil && strings.Contains(f.err.Error(), says) })
	}
}

// A program stands for journalctl, which is not everywhere.
func TestAJournalIsFollowedAgainWhenItsReaderEnds(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "journalctl")
	script := "#!/bin/sh\necho \"$*\"\nexit 7\n"
	do(t, os.WriteFile(program, []byte(script), 0o700))
	f := follow(t, Journal{Unit: "app.service", Program: program})
	const args = "--follow --merge --lines=0 --output=cat --quiet --no-pager --unit=app.service"
	f.want(args)
	f.until("in trouble", func() bool { return f.err != nil && strings.Contains(f.err.Error(), "exit code 7") })
	f.want(args, args)
}
