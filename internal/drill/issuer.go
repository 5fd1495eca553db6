package drill

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// An issuer is the far end: it answers as Anthropic does, and remembers how it was asked
// and which app used which key.
type issuer struct {
	*fakeissuer.Issuer
	url    string
	server *http.Server
	done   chan struct{}

	mu     sync.Mutex
	costly string // the first call of livekey that was not a free one
	live   map[string]bool
	uses   map[string]use // the last one of each app
}

// A use is one call of an app.
type use struct {
	pid     int
	value   string
	refused bool // with a 401
}

// newIssuer listens on loopback.
func newIssuer(ctx context.Context) (*issuer, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the drill's issuer: %w", err)
	}
	i := &issuer{
		Issuer: fakeissuer.New(), url: "http://" + l.Addr().String(), done: make(chan struct{}),
		live: map[string]bool{}, uses: map[string]use{},
	}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(i.done)
		_ = i.server.Serve(l) // ends with close
	}()
	return i, nil
}

// Add makes the issuer know a key.
func (i *issuer) Add(value string, account fakeissuer.Account) {
	i.Issuer.Add(value, account)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.live[value] = true
}

// Revoke makes it refuse the key from now on.
func (i *issuer) Revoke(value string) {
	i.Issuer.Revoke(value)
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.live, value)
}

// ServeHTTP answers an app itself, so that livekey's calls are counted alone. Of those it
// notes one that is not the free one of the catalog.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if app, ok := strings.CutPrefix(r.UserAgent(), appAgent); ok {
		i.serveApp(w, app, r.Header.Get("X-Api-Key"))
		return
	}
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/v1/models") {
		i.mu.Lock()
		if i.costly == "" {
			i.costly = r.Method + " " + r.URL.Path
		}
		i.mu.Unlock()
	}
	i.Issuer.ServeHTTP(w, r)
}

func (i *issuer) serveApp(w http.ResponseWriter, app, value string) {
	name, number, _ := strings.Cut(app, "/")
	pid, _ := strconv.Atoi(number) // 0 is nobody's
	i.mu.Lock()
	defer i.mu.Unlock()
	refused := !i.live[value]
	i.uses[name] = use{pid, value, refused}
	if refused {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// used is the last call of every app.
func (i *issuer) used() map[string]use {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.uses)
}

// verdict judges how the issuer was asked. delivered are the values that reached a sink.
func (i *issuer) verdict(delivered map[string]bool) []claim {
	i.mu.Lock()
	defer i.mu.Unlock()
	unasked := 0
	for v := range delivered {
		if i.Calls(v) == 0 {
			unasked++
		}
	}
	return []claim{
		says("P1", unasked == 0,
			fmt.Sprintf("the issuer was asked with the exact bytes of all %d delivered values", len(delivered)),
			fmt.Sprintf("%d delivered values were never asked about", unasked)),
		says("P10", i.costly == "" && i.Total() > 0,
			fmt.Sprintf("%d calls to the issuer, each the free one", i.Total()),
			fmt.Sprintf("%d calls to the issuer, one of them %s", i.Total(), i.costly)),
	}
}

func (i *issuer) close() {
	_ = i.server.Close()
	<-i.done
}
