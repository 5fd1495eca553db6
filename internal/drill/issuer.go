package drill

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// An issuer is the far end: it answers as Anthropic does, and remembers how it was asked.
type issuer struct {
	*fakeissuer.Issuer
	url    string
	server *http.Server
	done   chan struct{}

	mu     sync.Mutex
	costly string // the first call that was not a free one
}

// newIssuer listens on loopback.
func newIssuer(ctx context.Context) (*issuer, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the drill's issuer: %w", err)
	}
	i := &issuer{Issuer: fakeissuer.New(), url: "http://" + l.Addr().String(), done: make(chan struct{})}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(i.done)
		_ = i.server.Serve(l) // ends with close
	}()
	return i, nil
}

// ServeHTTP notes a call that is not the free one of the catalog, and answers.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/v1/models") {
		i.mu.Lock()
		if i.costly == "" {
			i.costly = r.Method + " " + r.URL.Path
		}
		i.mu.Unlock()
	}
	i.Issuer.ServeHTTP(w, r)
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
