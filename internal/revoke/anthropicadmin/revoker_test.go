package anthropicadmin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/anthropicadmin"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/revoke"
	"github.com/livekey/livekey/internal/secret"
)

// world is an issuer with an organization, its admin key and two versions of a key.
type world struct {
	*fakeissuer.Issuer
	admin        string
	old, current string
	file         string
	revoker      revoke.Revoker
	paths        []string // of what the issuer was asked
}

var org = fakeissuer.Account{Organization: "org-1"}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		Issuer: fakeissuer.New(), admin: fakeissuer.NewAnthropicAdminKey(), old: fakeissuer.NewAnthropicKey(),
		current: fakeissuer.NewAnthropicKey(), file: filepath.Join(t.TempDir(), "admin"),
	}
	for _, k := range []string{w.admin, w.old, w.current} {
		w.Add(k, org)
	}
	if err := os.WriteFile(w.file, []byte(w.admin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.paths = append(w.paths, r.Method+" "+r.URL.String())
		w.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.revoker = New(anthropicadmin.New(anthropicadmin.Settings{AdminKeyFile: w.file, BaseURL: s.URL + "/", Client: client}))
	return w
}

func (w *world) order() revoke.Order {
	return revoke.Order{
		Key: "K", Version: "11", Identity: key.Identity{"organization": "org-1"},
		Value: secret.New([]byte(w.old)), Others: []secret.Value{secret.New([]byte(w.current))},
	}
}

// like is a key with the same hint as k.
func like(k string) string {
	other := fakeissuer.NewAnthropicKey()
	return k[:16] + other[16:len(other)-4] + k[len(k)-4:]
}

func TestTheOldKeyIsSetInactiveAndNoOther(t *testing.T) {
	w := newWorld(t)
	for range 150 { // more than a page
		w.Add(fakeissuer.NewAnthropicKey(), org)
	}
	late := fakeissuer.NewAnthropicKey()
	w.Add(late, org)
	o := w.order()
	o.Value = secret.New([]byte(late))
	o.Others = append(o.Others, secret.New([]byte(w.old)))
	how, err := w.revoker.Revoke(t.Context(), o)
	if err != nil || !strings.HasSuffix(how, " set inactive through the Admin API") {
		t.Fatalf("%q, %v", how, err)
	}
	if w.Updates() != 1 {
		t.Errorf("%d updates", w.Updates())
	}
	how, err = w.revoker.Revoke(t.Context(), o)
	if err != nil || !strings.HasSuffix(how, " is inactive already") || w.Updates() != 1 {
		t.Errorf("again: %q, %v, %d updates", how, err, w.Updates())
	}
	for _, p := range w.paths {
		if strings.Contains(p, late) || strings.Contains(p, w.admin) {
			t.Errorf("a value in %s", p)
		}
	}
	if w.Calls(late) != 0 {
		t.Error("the key itself was sent")
	}
}

func TestWhereItIsNotCertainNothingIsDone(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(w *world, o *revoke.Order)
		says   string
	}{
		{"two hints fit", func(w *world, _ *revoke.Order) { w.Add(like(w.old), org) }, "2 keys"},
		{"none fits", func(_ *world, o *revoke.Order) { o.Value = secret.New([]byte(fakeissuer.NewAnthropicKey())) }, "no key"},
		{"it fits the current version too", func(w *world, o *revoke.Order) {
			o.Others = []secret.Value{secret.New([]byte(like(w.old)))}
		}, "another version"},
		{"the value is gone", func(_ *world, o *revoke.Order) { o.Value = secret.Value{} }, "no more"},
		{"the organization is another", func(_ *world, o *revoke.Order) { o.Identity["organization"] = "org-2" }, "another organization"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			o := w.order()
			c.change(w, &o)
			_, err := w.revoker.Revoke(t.Context(), o)
			if !errors.Is(err, revoke.ErrUncertain) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("err %v", err)
			}
			if w.Updates() != 0 {
				t.Errorf("%d updates", w.Updates())
			}
		})
	}
}

func TestWhatTheAPIRefusesIsSaidWithoutACredential(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(t *testing.T, w *world)
		says   string
	}{
		{"an admin key that is none", func(_ *testing.T, w *world) { w.Issuer.Revoke(w.admin) }, "401 authentication_error"},
		{"an issuer that is overloaded", func(_ *testing.T, w *world) { w.Mode(fakeissuer.Overloaded) }, "529 overloaded_error"},
		{"somebody in between", func(_ *testing.T, w *world) { w.Mode(fakeissuer.Portal) }, "something else than its JSON"},
		{"a redirect", func(_ *testing.T, w *world) { w.Mode(fakeissuer.PortalRedirect) }, "answered 302"},
		{"an answer without an end", func(_ *testing.T, w *world) { w.Mode(fakeissuer.Endless) }, "too large"},
		{"a connection that breaks", func(_ *testing.T, w *world) { w.Mode(fakeissuer.Reset) }, ""},
		{"an empty file", func(t *testing.T, w *world) { write(t, w.file, " \n") }, "is empty"},
		{"no file", func(t *testing.T, w *world) {
			if err := os.Remove(w.file); err != nil {
				t.Fatal(err)
			}
		}, "admin_key_file"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			c.change(t, w)
			how, err := w.revoker.Revoke(t.Context(), w.order())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%q, err %v", how, err)
			}
			for _, value := range []string{w.admin, w.old, w.current} {
				if strings.Contains(err.Error(), value) {
					t.Error("the error has a value")
				}
			}
			if w.Updates() != 0 {
				t.Errorf("%d updates", w.Updates())
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
