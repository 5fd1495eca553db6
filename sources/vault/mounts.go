package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// mountPause is how long a mount is not asked about again because of answers that
// may mean that another engine is there, and need not.
const mountPause = time.Minute

// mounts knows where in a path the mount ends, and which KV version its engine
// has. It asks Vault once for each mount, as Vault's command line does before each
// read, and again when a read says that the mount is another by now.
type mounts struct {
	ask func(context.Context, call) (answer, error)

	mu     sync.Mutex
	known  map[string][]engine // by namespace
	asking map[string]*inquiry // by namespace and first name of the path
}

// engine is a mount with what is known of it.
type engine struct {
	mount  string
	kv     int
	asked  time.Time
	futile time.Time // when asking again told nothing new
}

// inquiry is where those wait who need an answer about paths of one first name. No
// two mounts lie in one another, and paths of one folder are in one mount.
type inquiry struct {
	turn   chan struct{}      // held by who asks, and uses failed
	failed map[string]failure // folder: why the last question about it had no answer
	ended  atomic.Int64       // questions
}

// failure is a question that had no answer: the first is 1.
type failure struct {
	question int64
	err      error
}

func newMounts(ask func(context.Context, call) (answer, error)) *mounts {
	return &mounts{ask: ask, known: make(map[string][]engine), asking: make(map[string]*inquiry)}
}

// place fills in what at leaves out.
func (m *mounts) place(ctx context.Context, at location) (location, error) {
	if at.kv != 0 {
		return at, nil
	}
	if e, ok := m.find(at); ok {
		return at.in(e)
	}
	q := m.inquiry(at)
	ended := q.ended.Load()
	if err := q.take(ctx); err != nil {
		return at, err
	}
	defer q.leave()
	if e, ok := m.find(at); ok {
		return at.in(e)
	}
	folder := at.folder()
	if f, ok := q.failed[folder]; ok && f.question > ended {
		if errors.Is(f.err, ErrDenied) {
			return at, at.unplaced()
		}
		return at, f.err // while this one waited
	}
	e, err := m.inquire(ctx, at)
	if err == nil {
		m.replace(at.namespace, e.mount, e)
	}
	n := q.ended.Add(1)
	delete(q.failed, folder)
	if err != nil {
		if ctx.Err() == nil {
			q.failed[folder] = failure{n, err}
		}
		return at, err
	}
	return at.in(e)
}

// again asks once more, after a read of was, placed for at, failed with err. ok says
// that the mount is another by now, and where at is then.
func (m *mounts) again(ctx context.Context, at, was location, err error) (now location, ok bool) {
	if at.kv != 0 || !speaksOfMount(err) {
		return was, false
	}
	q := m.inquiry(at)
	if q.take(ctx) != nil {
		return was, false
	}
	defer q.leave()
	e, known := m.find(at)
	if known && e.mount == was.mount && e.kv == was.kv {
		since := e.futile
		if !errors.Is(err, ErrNoMount) && !errors.Is(err, ErrVersion) && e.asked.After(since) {
			since = e.asked
		}
		if time.Since(since) < mountPause {
			return was, false
		}
		var asked error
		if e, asked = m.inquire(ctx, at); asked != nil || e.mount == was.mount && e.kv == was.kv {
			m.update(at.namespace, was.mount, func(e *engine) { e.futile = time.Now() })
			return was, false
		}
		m.replace(at.namespace, was.mount, e)
	}
	now, err = at.in(e)
	return now, err == nil
}

// speaksOfMount says whether a read that failed with err may have met another engine.
func speaksOfMount(err error) bool {
	if errors.Is(err, ErrDeleted) { // which only the right engine tells
		return false
	}
	return errors.Is(err, key.ErrNotFound) || errors.Is(err, ErrVersion) || errors.Is(err, ErrAnswer) || errors.Is(err, ErrDenied)
}

// find looks at what is known.
func (m *mounts) find(at location) (engine, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.known[at.namespace] {
		if at.mount == e.mount || at.mount == "" && strings.HasPrefix(at.path, e.mount+"/") {
			return e, true
		}
	}
	return engine{}, false
}

// update changes what is known of a mount.
func (m *mounts) update(namespace, mount string, change func(*engine)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.known[namespace] {
		if e := &m.known[namespace][i]; e.mount == mount {
			change(e)
		}
	}
}

// replace forgets a mount, if it is known, and takes e in its place.
func (m *mounts) replace(namespace, mount string, e engine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := slices.DeleteFunc(m.known[namespace], func(k engine) bool { return k.mount == mount || k.mount == e.mount })
	m.known[namespace] = append(others, e)
}

func (m *mounts) inquiry(at location) *inquiry {
	first, _, _ := strings.Cut(at.whole(), "/")
	name := at.namespace + "\x00" + first
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.asking[name]
	if q == nil {
		q = &inquiry{turn: make(chan struct{}, 1), failed: make(map[string]failure)}
		m.asking[name] = q
	}
	return q
}

func (q *inquiry) take(ctx context.Context) error {
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (q *inquiry) leave() { <-q.turn }

// inquire asks Vault which mount at is in, and of what kind that is.
func (m *mounts) inquire(ctx context.Context, at location) (engine, error) {
	ans, err := m.ask(ctx, call{method: http.MethodGet, namespace: at.namespace, path: "sys/internal/ui/mounts/" + at.whole()})
	if err != nil {
		return engine{}, err
	}
	if ans.denied() {
		return engine{}, at.unplaced()
	}
	e, err := ans.engine(at)
	if err != nil {
		return e, fmt.Errorf("ask which mount %s is in: %w", at.whole(), err)
	}
	e.asked = time.Now()
	return e, nil
}

// unplaced is the error for a path whose mount Vault does not tell.
func (at location) unplaced() error {
	guess := at
	guess.kv = 2
	if guess.mount == "" {
		guess.mount, guess.path, _ = strings.Cut(at.path, "/")
	}
	return fmt.Errorf("ask which mount %s is in: %w (403): nothing is mounted there, or the token may read nothing in it. "+
		"Its policy must say %s, if %s is the mount and its KV version 2; nothing is asked where the reference says both: ?mount=%s&kv=2",
		at.whole(), ErrDenied, guess.policy(), guess.mount, guess.mount)
}

// engine reads an answer that is no refusal. What it quotes of a mount's name, the reference has too.
func (a answer) engine(at location) (engine, error) {
	switch a.status {
	case http.StatusOK:
	case http.StatusNotFound:
		return engine{}, fmt.Errorf("%w: nothing known of mounts (404): if the address leads to Vault, set kv to 1 or 2, "+
			"and name a mount with slashes by ?mount=", ErrAnswer)
	default:
		return engine{}, a.unavailable()
	}
	var p struct {
		Data *struct {
			Path    string            `json:"path"`
			Type    string            `json:"type"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &p) != nil || p.Data == nil || p.Data.Path == "" {
		return engine{}, fmt.Errorf("%w: status 200 without a mount; does the address lead to Vault?", ErrAnswer)
	}
	// A mount in a namespace below is told with that namespace before it, and
	// with the one that was asked in.
	mount := strings.Trim(strings.TrimPrefix(p.Data.Path, strings.Trim(at.namespace, "/")+"/"), "/")
	if !strings.HasPrefix(at.whole()+"/", mount+"/") {
		mount = strings.Trim(p.Data.Path, "/")
	}
	e := engine{mount: mount, kv: 1}
	switch whole := at.whole(); {
	case whole == mount:
		return e, fmt.Errorf("%w: it is a mount, and the path of a secret behind it is missing", errPlace)
	case !strings.HasPrefix(whole, mount+"/"):
		return e, fmt.Errorf("%w: it names a mount elsewhere", ErrAnswer)
	case at.mount != "" && at.mount != mount:
		return e, fmt.Errorf("%w: the mount is %s: write ?mount=%s and the path behind it", errPlace, mount, mount)
	case p.Data.Type != "kv" && p.Data.Type != "generic":
		return e, fmt.Errorf("%w: the engine at %s/ is none of KV, and livekey reads what is stored, not what is made for it", errPlace, mount)
	case p.Data.Options["version"] == "2":
		e.kv = 2
	}
	return e, nil
}

// errPlace says that a reference leads where no key can be.
var errPlace = errors.New("not the place of a key")

// in is at with the mount and version of e.
func (at location) in(e engine) (location, error) {
	at.path = strings.TrimPrefix(at.whole(), e.mount+"/")
	at.mount, at.kv = e.mount, e.kv
	if at.kv == 1 && at.version != 0 {
		return at, fmt.Errorf("%s/: %w", at.mount, errNoVersions)
	}
	return at, nil
}

// folder is what at shares with those that are surely in the same mount.
func (at location) folder() string {
	whole := at.whole()
	return whole[:max(0, strings.LastIndex(whole, "/"))]
}
