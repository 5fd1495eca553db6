package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/user"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

func handler(d Daemon) http.Handler {
	s := &Server{o: Options{Daemon: d, Log: slog.New(slog.DiscardHandler)}}
	return s.socketHandler()
}

func call(method, path, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestRequestsAreRefused(t *testing.T) {
	long := `{"names":["` + strings.Repeat("A", maxBody) + `"]}`
	for _, tt := range []struct {
		rule       string
		r          *http.Request
		wantStatus int
		wantWhy    string
	}{
		{"status without the header", call("GET", "/v1/status", ""), 403, "X-Livekey"},
		{"the header with another value", call("GET", "/v1/status", "", Header, "yes"), 403, "X-Livekey"},
		{"refresh without the header", call("POST", "/v1/refresh", `{}`), 403, "X-Livekey"},
		{"an unknown route without the header", call("GET", "/v1/else", ""), 403, "X-Livekey"},
		{"Origin although the header is there", call("GET", "/v1/status", "", Header, "1", "Origin", "null"), 403, "Origin"},
		{"Origin on live", call("GET", "/live", "", "Origin", "https://example.com"), 403, "Origin"},
		{"an empty Origin", call("GET", "/ready", "", "Origin", ""), 403, "Origin"},
		{"an unknown field", call("POST", "/v1/refresh", `{"keys":["GOOD"]}`, Header, "1"), 400, "does not know"},
		{"a wrong type", call("POST", "/v1/refresh", `{"names":"GOOD"}`, Header, "1"), 400, "names"},
		{"null", call("POST", "/v1/resume", `null`, Header, "1"), 400, "not a JSON object"},
		{"no body", call("POST", "/v1/resume", ``, Header, "1"), 400, "not a JSON object"},
		{"half a body", call("POST", "/v1/resume", `{"name":`, Header, "1"), 400, "not a JSON object"},
		{"two bodies", call("POST", "/v1/resume", `{}{}`, Header, "1"), 400, "follows"},
		{"a long body", call("POST", "/v1/refresh", long, Header, "1"), 413, "too large"},
		{"an approval of nothing", call("POST", "/v1/approve", `{}`, Header, "1"), 400, "which key"},
		{"an endless pause", call("POST", "/v1/pause", `{"reason":"r"}`, Header, "1"), 400, "how long"},
		{"a pause into the past", call("POST", "/v1/pause", `{"for":"-1m","reason":"r"}`, Header, "1"), 400, "how long"},
		{"a pause without a reason", call("POST", "/v1/pause", `{"for":"1m"}`, Header, "1"), 400, "why"},
		{"a pause in words", call("POST", "/v1/pause", `{"for":"a while","reason":"r"}`, Header, "1"), 400, "duration"},
		{"an empty name", call("POST", "/v1/refresh", `{"names":[""]}`, Header, "1"), 400, "empty"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := &fakeDaemon{}
			w := httptest.NewRecorder()
			handler(d).ServeHTTP(w, tt.r)
			var e errorAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatalf("answer %q is not JSON: %v", w.Body, err)
			}
			if w.Code != tt.wantStatus || !strings.Contains(e.Error, tt.wantWhy) {
				t.Errorf("got %d %q, want %d and a word about %q", w.Code, e.Error, tt.wantStatus, tt.wantWhy)
			}
			if calls := d.asked(); len(calls) > 0 {
				t.Errorf("the daemon was asked: %v", calls)
			}
		})
	}
}

func TestBodyIsNotQuoted(t *testing.T) {
	const canary = "sk-ant-CANARY"
	for _, body := range []string{
		`{"` + canary + `":1}`, `"` + canary + `"`, canary, `{"for":"` + canary + `"}`, `{"name":"` + canary,
	} {
		w := httptest.NewRecorder()
		handler(&fakeDaemon{}).ServeHTTP(w, call("POST", "/v1/pause", body, Header, "1"))
		if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), canary) {
			t.Errorf("body %q: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestLiveNeedsNobody(t *testing.T) {
	var stuck error
	c := &Server{o: Options{Log: slog.New(slog.DiscardHandler), Alive: func() error { return stuck }}} // no Daemon: asking one would panic
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		c.socketHandler().ServeHTTP(w, call("GET", "/live", ""))
		if w.Code != want {
			t.Errorf("stuck=%v: got %d, want %d", stuck, w.Code, want)
		}
		stuck = errors.New("the engine has not moved for a minute")
	}
}

func TestReadyTellsWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		missing  []string
		want     int
		wantBody string
	}{
		{nil, 200, `{"ready":true}`},
		{[]string{"sink app: key A is not delivered"}, 503, `{"ready":false,"missing":["sink app: key A is not delivered"]}`},
	} {
		w := httptest.NewRecorder()
		handler(&fakeDaemon{missing: tt.missing}).ServeHTTP(w, call("GET", "/ready", ""))
		if w.Code != tt.want || strings.TrimSpace(w.Body.String()) != tt.wantBody {
			t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.want, tt.wantBody)
		}
	}
}

func TestClientAndServerAgree(t *testing.T) {
	d := &fakeDaemon{missing: []string{"key GOOD"}}
	c := start(t, Options{Daemon: d})
	ctx := t.Context()

	s, err := c.Status(ctx)
	if want := d.Status(); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("Status = %+v, %v; want %+v", s, err, want)
	}
	missing, err := c.Ready(ctx, []string{"app"})
	if err != nil || !slices.Equal(missing, d.missing) {
		t.Errorf("Ready = %v, %v", missing, err)
	}
	for what, err := range map[string]error{
		"refresh": c.Refresh(ctx, []key.Name{"GOOD"}), "approve": c.Approve(ctx, "GOOD", "v7", "tested by hand"),
		"pause": c.Pause(ctx, "GOOD", 90*time.Minute, "release"), "resume": c.Resume(ctx, ""),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, want := range []string{"ready [app]", "refresh [GOOD]", "approve GOOD v7", "pause GOOD release", "resume "} {
		if !slices.Contains(d.asked(), want) {
			t.Errorf("the daemon was never asked %q: %q", want, d.asked())
		}
	}
	if left := time.Until(d.until); left < 89*time.Minute || left > 90*time.Minute {
		t.Errorf("a pause for 90m ends in %s", left)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Approval{By: me.Username, Reason: "tested by hand"}); d.by != want {
		t.Errorf("approved by %+v, the kernel says %+v", d.by, want)
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	d := &fakeDaemon{}
	c := start(t, Options{Daemon: d})
	ctx := t.Context()
	_, sinkErr := c.Ready(ctx, []string{"nowhere"})
	for what, err := range map[string]error{
		"sink": sinkErr, "refresh": c.Refresh(ctx, []key.Name{"WHO"}), "resume": c.Resume(ctx, "WHO"),
		"pause": c.Pause(ctx, "WHO", time.Minute, "r"), "approve": c.Approve(ctx, "WHO", "", ""),
	} {
		if !errors.Is(err, key.ErrNotFound) || errors.Is(err, ErrConflict) {
			t.Errorf("%s of an unknown name: %v", what, err)
		}
	}
	err := c.Approve(ctx, "CALM", "", "")
	if !errors.Is(err, ErrConflict) || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "nothing is held") {
		t.Errorf("approve with nothing held: %v", err)
	}
}

func TestClientStopsWithItsContext(t *testing.T) {
	d := &fakeDaemon{block: true}
	c := start(t, Options{Daemon: d})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Refresh(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestAnswersHaveNoRoomForAValue walks the types that are answered.
func TestAnswersHaveNoRoomForAValue(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		if strings.HasSuffix(typ.PkgPath(), "internal/secret") || strings.HasSuffix(typ.PkgPath(), "internal/proof") {
			t.Errorf("an answer can hold a %s", typ)
		}
		switch typ.Kind() {
		case reflect.Struct:
			for field := range typ.Fields() {
				walk(field.Type)
			}
		case reflect.Map:
			walk(typ.Key())
			walk(typ.Elem())
		case reflect.Slice, reflect.Array, reflect.Pointer:
			walk(typ.Elem())
		case reflect.Interface, reflect.Func, reflect.Chan:
			t.Errorf("an answer can hold any %s", typ)
		}
	}
	for _, answer := range []any{readyAnswer{}, errorAnswer{}} {
		walk(reflect.TypeOf(answer))
	}
	for field := range reflect.TypeFor[report.Status]().Fields() {
		walk(field.Type)
	}
	if len(seen) < 10 {
		t.Errorf("only %d types were seen", len(seen))
	}
}

func FuzzRequest(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"names":["GOOD"]}`, `{"name":"GOOD","version":"v1","reason":"r"}`, `{"name":"","for":"1h","reason":"r"}`,
		`{"for":"9223372036854775807ns","reason":"r"}`, `{"for":1}`, `null`, `[]`, `{"names":[null]}`, "\x00", `{"a":{"a":{"a":[`,
	} {
		for route := range 4 {
			f.Add(route, body)
		}
	}
	routes := []string{"/v1/refresh", "/v1/approve", "/v1/pause", "/v1/resume"}
	f.Fuzz(func(t *testing.T, route int, body string) {
		d := &fakeDaemon{}
		w := httptest.NewRecorder()
		path := routes[uint(route)%4]
		handler(d).ServeHTTP(w, call("POST", path, body, Header, "1"))
		calls := d.asked()
		switch w.Code {
		case http.StatusNoContent, http.StatusNotFound, http.StatusConflict:
			if len(calls) != 1 {
				t.Errorf("%s %q: %d after %d calls", path, body, w.Code, len(calls))
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(calls) != 0 {
				t.Errorf("%s %q was refused and done: %v", path, body, calls)
			}
		default:
			t.Errorf("%s %q: status %d", path, body, w.Code)
		}
		if path == "/v1/pause" && w.Code == http.StatusNoContent && !d.until.After(time.Now()) {
			t.Errorf("%q is a pause until %s", body, d.until)
		}
	})
}
