package doctor

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
)

func walk(t *testing.T, host string) Road {
	t.Helper()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return Walk(t.Context(), client, host)
}

func TestTheIssuersClockIsRead(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Authorization"])+len(r.Header["X-Api-Key"]) > 0 || r.Method != http.MethodHead {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer srv.Close()
	r := walk(t, srv.URL)
	if off := r.Skew - time.Hour; !r.Walked || off.Abs() > 5*time.Second {
		t.Errorf("%+v", r)
	}
}

func TestWhoOpensTLSIsNamed(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS() // with a certificate of its own making
	defer srv.Close()
	if r := walk(t, srv.URL); !r.Unverified || r.CertIssuer != "Acme Co" || r.Unreachable == "" {
		t.Errorf("%+v", r)
	}
}

func TestNobodyAtTheOtherEnd(t *testing.T) {
	t.Parallel()
	if r := walk(t, "http://127.0.0.1:1"); r.Unreachable == "" || r.Unverified || r.Skew != 0 {
		t.Errorf("%+v", r)
	}
}
