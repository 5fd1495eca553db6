package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/httpclient"
)

// An App plays a consumer: it is a process of its own that uses its key at the issuer
// again and again, as apps do. It takes the key from its environment, once and for all;
// or from an env file, which it reads again at a SIGHUP.
type App struct {
	Name   string
	Issuer string // where it uses its key
	File   string // the env file; "": the environment
	// PIDFile is where it tells its process id, once a SIGHUP does it no harm.
	PIDFile string
	// Socket is where it tells livekey that it has read another key; "": it tells nobody.
	Socket string
}

// appAgent begins the User-Agent of an app; its name and process id follow.
const appAgent = "drill-app/"

// useEvery is the time between two uses of a key.
const useEvery = 50 * time.Millisecond

// Run uses the key until ctx ends.
func (a App) Run(ctx context.Context) error {
	show()
	factory := httpclient.Factory{Agent: appAgent + a.Name + "/" + strconv.Itoa(os.Getpid())}
	client, err := factory.Client(httpclient.Options{Timeout: time.Second})
	if err != nil {
		return fmt.Errorf("start app %s: %w", a.Name, err)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if a.PIDFile != "" {
		if err := os.WriteFile(a.PIDFile, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
			return fmt.Errorf("start app %s: %w", a.Name, err)
		}
	}
	apiKey, told := a.read(), true
	for {
		a.use(ctx, client, apiKey)
		told = told || a.tell(ctx, apiKey)
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			before := apiKey
			apiKey = a.read()
			told = a.Socket == "" || before == "" || before == apiKey
		case <-time.After(useEvery):
		}
	}
}

// read is the key as the app finds it; "" while there is none.
func (a App) read() string {
	if a.File == "" {
		return os.Getenv(mainKey)
	}
	content, err := os.ReadFile(a.File)
	if err != nil {
		return ""
	}
	values, _ := parse(string(content))
	return values[mainKey]
}

// tell says which key the app has now, by its hash, and whether livekey took notice.
func (a App) tell(ctx context.Context, apiKey string) bool {
	hash := sha256.Sum256([]byte(apiKey))
	_, err := admin.NewClient(a.Socket).Adopted(ctx, admin.Adopted{Key: mainKey, SHA256: hex.EncodeToString(hash[:])})
	return err == nil
}

// use calls the issuer. What it answers is the issuer's to tell: an app that is told no
// goes on, as many do.
func (a App) use(ctx context.Context, client *http.Client, apiKey string) {
	if apiKey == "" {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Issuer+"/v1/messages", http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set("X-Api-Key", apiKey)
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
		_ = resp.Body.Close()
	}
}
