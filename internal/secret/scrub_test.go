package secret_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
)

func TestScrubKeepsWhatHelps(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 8200}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a refused connection says where and why", &url.Error{Op: "Get", URL: "https://vault.internal:8200/v1/secret?x=1", Err: dial}, "Get https://vault.internal:8200: dial tcp 10.0.0.7:8200: connect: connection refused"},
		{"IPv6 stays", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 443}, Err: syscall.EHOSTUNREACH}, "dial tcp [::1]:443: no route to host"},
		{"IPv6 in a sentence stays", errors.New("reset by [::1]:8443, twice"), "reset by [::1]:8443, twice"},
		{"both ends of a connection stay", &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 41234}, Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}, Err: syscall.ECONNRESET}, "read tcp 127.0.0.1:41234->127.0.0.1:443: connection reset by peer"},
		{"a socket's path stays", &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: "/run/livekey/livekey.sock", Net: "unix"}, Err: syscall.ENOENT}, "dial unix /run/livekey/livekey.sock: no such file or directory"},
		{"a name that does not resolve stays", &net.DNSError{Name: "vault-7d9f8b6c5d-x2k4p.vault.svc.cluster.local", Server: "10.96.0.10:53", Err: "no such host"}, "lookup vault-7d9f8b6c5d-x2k4p.vault.svc.cluster.local on 10.96.0.10:53: no such host"},
		{"a host in a sentence stays", errors.New("x509: certificate is valid for gateway.corp.example, not api.anthropic.com"), "x509: certificate is valid for gateway.corp.example, not api.anthropic.com"},
		{"a validity date stays", errors.New("x509: certificate has expired or is not yet valid: current time 2026-11-23T22:25:16Z is after 2026-01-01T00:00:00Z"), "x509: certificate has expired or is not yet valid: current time 2026-11-23T22:25:16Z is after 2026-01-01T00:00:00Z"},
		{"base64 with slashes is no path", &net.AddrError{Addr: "/cvZknaRon/GNtNzI/tkfysHGG/MO/crqeY3O/1K4Og=", Err: "missing port in address"}, "address ***: missing port in address"},
		{"a pod's folder is a path", &fs.PathError{Op: "open", Path: "/var/lib/kubelet/pods/0b9f3a52-6f3a-4f0e-9d1c-e2e0c0ffee01/volumes/keys", Err: syscall.EACCES}, "open /var/lib/kubelet/pods/***/volumes/keys: permission denied"},
		{"a file's path stays", &fs.PathError{Op: "open", Path: "/etc/livekey/role-id", Err: syscall.EACCES}, "open /etc/livekey/role-id: permission denied"},
		{"both paths of a rename stay", &os.LinkError{Op: "rename", Old: "/run/a.tmp", New: "/run/a.env", Err: syscall.EXDEV}, "rename /run/a.tmp /run/a.env: invalid cross-device link"},
		{"a deadline stays readable", &url.Error{Op: "Get", URL: "https://api.openai.com/v1/models", Err: context.DeadlineExceeded}, "Get https://api.openai.com: context deadline exceeded"},
		{"a canceled context stays readable", context.Canceled, "context canceled"},
		{"the client's own timeout stays", errors.New("net/http: request canceled (Client.Timeout exceeded while awaiting headers)"), "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"},
		{"identifiers and small numbers stay", errors.New("json: cannot unmarshal string into Go struct field SecretResponse.data.created_time of type int64 at offset 1204"), "json: cannot unmarshal string into Go struct field SecretResponse.data.created_time of type int64 at offset 1204"},
		{"a cipher suite stays", errors.New("tls: TLS_AES_128_GCM_SHA256 was not offered"), "tls: TLS_AES_128_GCM_SHA256 was not offered"},
		{"a lone sign stays", errors.New("invalid character '<' looking for beginning of value"), "invalid character '<' looking for beginning of value"},
		{"an apostrophe is no quote", errors.New("the server's answer didn't end"), "the server's answer didn't end"},
		{"the wrapper's words stay", fmt.Errorf("log in at vault: %w", &url.Error{Op: "Put", URL: "https://vault.internal/v1/auth/approle/login", Err: syscall.ECONNREFUSED}), "log in at vault: Put https://vault.internal: connection refused"},
		{"joined errors share one line", errors.Join(syscall.EIO, syscall.ENOSPC), "input/output error no space left on device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := secret.Scrub(c.err).Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestScrubTakesOut(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{"a letter of a record", "invalid character 's' after top-level value", "invalid character '***' after top-level value"},
		{"a quoted string", `server said "open sesame now"`, `server said "***"`},
		{"a quoted string with quotes inside", `bad value "ab\"cd ef", go on`, `bad value "***", go on`},
		{"a quote that never ends", `bad value "open sesame`, `bad value "***"`},
		{"path, query and userinfo of a URL", "see https://user:pw@host.example:8443/a/b?token=x for more", "see https://host.example:8443 for more"},
		{"a URL that does not parse", "see https://user:p%zz@host/ for more", "see *** for more"},
		{"a key by its prefix", "rejected sk-ant-api (revoked)", "rejected *** (revoked)"},
		{"what follows Bearer", "header Authorization: Bearer hunter2 refused", "header Authorization: *** *** refused"},
		{"what is assigned to a password", "dsn user=app password=hunter2 host=db", "dsn user=app password=*** host=db"},
		{"a UUID, as Vault once made tokens", "bad token 550e8400-e29b-41d4-a716-446655440000.", "bad token ***."},
		{"a long number", "account 1234567890123 unknown", "account *** unknown"},
		{"a label of a host that is a key", "lookup 0123456789abcdef0123456789abcdef.example.com: no such host", "lookup ***.example.com: no such host"},
		{"a signed word", "value p4ss!w$rd refused", "value *** refused"},
		{"a key with a zero-width space inside", "value sk-ant\u200b-api03-x refused", "value *** refused"},
		{"control characters and line ends", "a\r\nb\x1b[31mc\x00\u202ed", "a b[31mcd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := secret.Scrub(errors.New(c.in)).Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestScrubOfNilIsNil(t *testing.T) {
	if err := secret.Scrub(nil); err != nil {
		t.Fatal(err)
	}
}

func TestScrubHasNoWayBackToTheCause(t *testing.T) {
	cause := &url.Error{Op: "Get", URL: "https://host/secret", Err: context.Canceled}
	got := secret.Scrub(fmt.Errorf("ask: %w", cause))
	var ue *url.Error
	if errors.Is(got, context.Canceled) || errors.As(got, &ue) {
		t.Fatal("the cause can be reached")
	}
	if s := fmt.Sprintf("%#v", got); strings.Contains(s, "url.Error") {
		t.Fatal("the cause can be printed: " + s)
	}
}

func TestScrubbedTextIsBounded(t *testing.T) {
	for _, s := range []string{strings.Repeat("word ", 1<<20), strings.Repeat("wörd ", 1000), strings.Repeat("日本 ", 1000)} {
		got := secret.Scrub(errors.New(s)).Error()
		if len(got) > 300 || len(got) < 280 || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
		}
	}
}

func TestScrubOfAnEndlessChainEnds(t *testing.T) {
	if got := secret.Scrub(loop{}).Error(); len(got) > 300 {
		t.Fatal(got)
	}
}

type loop struct{}

func (loop) Error() string { return "round and round" }
func (loop) Unwrap() error { return loop{} }

// alphabets are those in which keys are written.
var alphabets = map[string]func(seed []byte) string{
	"hex":       func(b []byte) string { return hex.EncodeToString(b) },
	"base64":    func(b []byte) string { return base64.StdEncoding.EncodeToString(b) },
	"base64url": func(b []byte) string { return "sk-ant-api03-" + base64.RawURLEncoding.EncodeToString(b) },
	"jwt": func(b []byte) string {
		return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(b[:16]) + "." + base64.RawURLEncoding.EncodeToString(b[16:])
	},
	"base62": func(b []byte) string {
		const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		out := make([]byte, len(b))
		for i, c := range b {
			out[i] = alphabet[int(c)%len(alphabet)]
		}
		return string(out)
	},
}

// libraryErrors are what real libraries say with canary where a careless caller or a
// hostile server put it.
func libraryErrors(t testing.TB, canary string) []error {
	var errs []error
	add := func(err error) {
		if err != nil { // a canary may happen to be a port or a path
			errs = append(errs, err)
		}
	}
	refuse := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED })}
	for _, u := range []string{
		"https://host.example/v1?key=" + url.QueryEscape(canary), "https://user:" + url.QueryEscape(canary) + "@host.example/",
		"https://host.example/" + url.PathEscape(canary), "https://host.example/#" + url.PathEscape(canary),
	} {
		_, err := refuse.Get(u)
		add(err)
	}
	_, err := url.Parse("https://user:" + canary + "%zz@host.example/")
	add(err)
	_, err = url.Parse("https://host.example:" + canary + "/")
	add(err)

	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+canary+"\n")
	_, err = (&http.Transport{}).RoundTrip(req)
	add(err)
	_, err = http.NewRequest(canary+" GET", "http://h/", nil)
	add(err)
	_, err = http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+canary+"\r\n\r\n")), nil)
	add(err)
	_, err = http.ReadResponse(bufio.NewReader(strings.NewReader(canary+"\r\n\r\n")), nil)
	add(err)

	var into struct{ N int }
	add(json.Unmarshal([]byte(`{"N":"`+canary+`"}`), &into))
	add(json.Unmarshal([]byte(canary+"!"), &into))
	strict := json.NewDecoder(strings.NewReader(`{"` + canary + `":1}`))
	strict.DisallowUnknownFields()
	add(strict.Decode(&into))

	_, err = x509.ParseCertificate([]byte(canary))
	add(err)
	add(x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a.example"}}, Host: canary})
	_, err = tls.X509KeyPair([]byte(canary), []byte(canary))
	add(err)

	add(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: canary + ".example", Err: "no such host"}})
	add(&net.OpError{Op: "dial", Net: "tcp", Err: &net.AddrError{Err: "missing port in address", Addr: canary}})
	_, err = net.ResolveTCPAddr("tcp", "127.0.0.1:"+canary)
	add(err)
	_, err = os.Open("/nonexistent/" + strings.ReplaceAll(canary, "/", "_"))
	add(err)
	_, err = strconv.Atoi(canary + "x")
	add(err)
	_, err = time.ParseDuration(canary + "?")
	add(err)
	_, err = time.Parse(time.RFC3339, canary)
	add(err)

	for _, format := range []string{"bad key %s", "bad key %q", "bad key '%s'", "bad key %s: denied", "key=%s", "X-Api-Key: %s", "(%s)", "%s", "a\n%s\nb", `{"error":{"message":"key %s is wrong"}}`, "denied: %s."} {
		add(fmt.Errorf(format, canary))
		add(fmt.Errorf("log in: %w", fmt.Errorf(format, canary)))
		add(errors.Join(syscall.EIO, fmt.Errorf(format, canary)))
	}
	if len(errs) < 50 {
		t.Fatalf("only %d library errors", len(errs))
	}
	return errs
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// leak returns 8 bytes of canary that are in s.
func leak(s, canary string) string {
	for i := 0; i+8 <= len(canary); i++ {
		if strings.Contains(s, canary[i:i+8]) {
			return canary[i : i+8]
		}
	}
	return ""
}

func checkScrubbed(t *testing.T, err error, canary string) {
	t.Helper()
	got := secret.Scrub(err).Error()
	if l := leak(got, canary); l != "" {
		t.Errorf("8 bytes %q of the canary %q are left in %q (from %T %q)", l, canary, got, err, err)
	}
	if len(got) > 300 || strings.ContainsFunc(got, unicode.IsControl) || !utf8.ValidString(got) {
		t.Errorf("not one bounded line: %q", got)
	}
}

func TestScrubLeavesNoCanaryInLibraryErrors(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for name, write := range alphabets {
		t.Run(name, func(t *testing.T) {
			rnd := rand.NewChaCha8(sha256.Sum256([]byte("scrub " + name)))
			for range rounds {
				seed := make([]byte, 32)
				_, _ = rnd.Read(seed)
				canary := write(seed)
				for _, err := range libraryErrors(t, canary) {
					checkScrubbed(t, err, canary)
				}
			}
		})
	}
}

func TestLeakFindsALeak(t *testing.T) {
	if leak("x cdefghij y", "abcdefghijkl") == "" || leak("abcdefg", "abcdefghijkl") != "" {
		t.Fatal("the judge of these tests is blind")
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("bad key %s", []byte("seed"))
	f.Add(`"it's" '%s`, []byte{0})
	f.Add("\xff\x00`%s\\", []byte("x"))
	f.Fuzz(func(t *testing.T, around string, seed []byte) {
		mac := hmac.New(sha256.New, []byte("canary"))
		mac.Write(seed)
		for _, write := range alphabets {
			canary := write(mac.Sum(nil))
			text := strings.ReplaceAll(around, "%s", " "+canary+" ")
			if bytes.Contains([]byte(around), []byte(canary[:8])) {
				continue
			}
			checkScrubbed(t, errors.New(text), canary)
			checkScrubbed(t, &url.Error{Op: "Get", URL: "https://h/" + canary, Err: errors.New(text)}, canary)
		}
	})
}
