package drill

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// lookEvery is the time between two looks at what a user could see.
const lookEvery = 50 * time.Millisecond

// patience is how long a scene waits for what has to happen. What is slower is
// not kept, so it is generous: a loaded machine is no broken promise.
const patience = 8 * time.Second

// A world is one installation and the far end around it.
type world struct {
	dir    string
	binary *binary
	daemon *process // the current life
	apps   map[string]*process
	issuer *issuer
	hook   *receiver
	reader *reader

	stopReader chan struct{}
	readerDone chan struct{}

	patience time.Duration

	want    map[string]string // what both sinks have to hold now
	allowed map[string]bool   // every value that ever was to be delivered
	refused map[string]bool   // every value that never was
	offered int               // alerts that were there when the last value was offered

	replaced, replacedPrint string        // the value and fingerprint of the version before the current one
	took                    time.Duration // from a new source file to both sinks
	alarm                   string        // id of the alert key_dead
	supervised              int           // process id of the app under livekey exec
}

func open(ctx context.Context, o Options) (_ *world, err error) {
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find livekey itself: %w", err)
		}
	}
	w := &world{
		patience: cmp.Or(o.patience, patience), apps: map[string]*process{},
		want: map[string]string{}, allowed: map[string]bool{}, refused: map[string]bool{},
		stopReader: make(chan struct{}), readerDone: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(false))
		}
	}()
	if w.dir, err = makeDir(); err != nil {
		return nil, err
	}
	w.binary = &binary{path: o.Binary, dir: w.dir}
	if w.issuer, err = newIssuer(ctx); err != nil {
		return nil, err
	}
	hookSecret := "whsec_" + base64.StdEncoding.EncodeToString(random(32))
	if w.hook, err = newReceiver(ctx, hookSecret); err != nil {
		return nil, err
	}
	if err := fill(w.dir, w.issuer.url, w.hook.url, hookSecret); err != nil {
		return nil, err
	}
	w.reader = newReader(w.path(sinkDir, "app", "app.env"), w.path(sinkDir, "files"), []string{mainKey, otherKey})
	go func() {
		defer close(w.readerDone)
		w.reader.run(w.stopReader)
	}()
	return w, nil
}

// close ends everything that open and the story started.
func (w *world) close(keep bool) error {
	var errs []error
	w.closeApps()
	if w.daemon != nil && !w.daemon.ended() {
		// How it ends was judged in the story; here it only has to be gone.
		_ = w.daemon.stop()
	}
	if w.reader != nil {
		close(w.stopReader)
		<-w.readerDone
	}
	if w.hook != nil {
		w.hook.close()
	}
	if w.issuer != nil {
		w.issuer.close()
	}
	if w.dir != "" && !keep {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// start begins a life of the daemon.
func (w *world) start(ctx context.Context) (err error) {
	w.daemon, err = w.binary.start(ctx)
	return err
}

// deliver puts a value into the source that has to reach both sinks.
func (w *world) deliver(name, value string) error {
	w.want = maps.Clone(w.want) // judges keep the map that they were given
	w.want[name] = value
	w.allowed[value] = true
	w.offered = len(w.hook.received())
	return offer(w.dir, name, value)
}

// tempt puts a value into the source that must not reach any sink.
func (w *world) tempt(name, value string) error {
	w.refused[value] = true
	w.refused[strings.TrimSpace(value)] = true
	w.offered = len(w.hook.received())
	return offer(w.dir, name, value)
}

// newKey makes up a key that the issuer knows.
func (w *world) newKey(account fakeissuer.Account) string {
	v := fakeissuer.NewAnthropicKey()
	w.issuer.Add(v, account)
	return v
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// fingerprint is the one that status shows for the current version of a key.
func (w *world) fingerprint(ctx context.Context, name string) (string, error) {
	s, _, err := w.binary.status(ctx)
	if err != nil {
		return "", err
	}
	c := find(s, name).Current
	if c == nil {
		return "", fmt.Errorf("livekey status shows no current version of %s", name)
	}
	return c.Fingerprint, nil
}

// look is what a user could see now.
func (w *world) look(ctx context.Context) (v view, err error) {
	v.env, v.files = w.reader.look()
	if v.status, v.exit, err = w.binary.status(ctx); err != nil {
		return v, err
	}
	v.alerts = w.hook.received()
	v.used = w.issuer.used()
	return v, nil
}

// until looks again and again until every claim is kept or patience is over, and returns the last claims.
func (w *world) until(ctx context.Context, judges ...judge) ([]claim, error) {
	return w.eventually(ctx, func() ([]claim, error) { return w.ask(ctx, judges) })
}

// eventually asks again and again, as until does.
func (w *world) eventually(ctx context.Context, ask func() ([]claim, error)) ([]claim, error) {
	deadline := time.Now().Add(w.patience)
	for {
		claims, err := ask()
		if err != nil || allKept(claims) || time.Now().After(deadline) {
			return claims, err
		}
		if err := w.pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

// throughout wants every claim kept at every look for the whole time, and returns the first that were not.
func (w *world) throughout(ctx context.Context, d time.Duration, judges ...judge) ([]claim, error) {
	deadline := time.Now().Add(d)
	for {
		claims, err := w.ask(ctx, judges)
		if err != nil || !allKept(claims) || time.Now().After(deadline) {
			return claims, err
		}
		if err := w.pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

func (w *world) ask(ctx context.Context, judges []judge) ([]claim, error) {
	v, err := w.look(ctx)
	return judged(v, judges), err
}

// judged is all that the judges say.
func judged(v view, judges []judge) (claims []claim) {
	for _, j := range judges {
		claims = append(claims, j(v)...)
	}
	return claims
}

// pause waits; a daemon that ends by itself ends the drill.
func (w *world) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.daemon.done:
		return fmt.Errorf("livekey run ended by itself (%w): %s", w.daemon.err, w.lastWords())
	case <-time.After(d):
		return nil
	}
}

// lastWords is the end of the daemon's log.
func (w *world) lastWords() string {
	b, err := os.ReadFile(w.path(logName))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}
