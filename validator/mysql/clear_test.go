package mysql

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/validator"
)

const password = "correct horse battery"

// thief is a server without TLS that asks for the password under a key of its own, in
// either way that MySQL has. What it could read is in got.
type thief struct {
	plugin string
	got    string
}

var nonce = slices.Repeat([]byte("n"), 20)

func (s *thief) serve(t *testing.T, conn net.Conn) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	in, number := bufio.NewReader(conn), byte(0)
	read := func() []byte {
		head := make([]byte, 4)
		if _, err := io.ReadFull(in, head); err != nil {
			return nil
		}
		body := make([]byte, int(head[0])|int(head[1])<<8)
		_, _ = io.ReadFull(in, body)
		number = head[3] + 1
		return body
	}
	write := func(body ...byte) {
		_, _ = conn.Write(append([]byte{byte(len(body)), byte(len(body) >> 8), 0, number}, body...))
		number++
	}
	const protocol41AndPlugins = "\x00\x82\x00\x00\x08\x00" // capabilities around the character set and the status
	hello := "\x0a8.4.0\x00\x01\x00\x00\x00" + string(nonce[:8]) + "\x00" + protocol41AndPlugins[:2] + "\x21\x02\x00" +
		protocol41AndPlugins[4:] + "\x15" + strings.Repeat("\x00", 10) + string(nonce[8:]) + "\x00" + s.plugin + "\x00"
	write([]byte(hello)...)
	read()
	if s.plugin == "caching_sha2_password" {
		write(1, 4) // it is not in the cache: tell me
		if asked := read(); len(asked) != 1 || asked[0] != 2 {
			return
		}
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Error(err)
		return
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Error(err)
		return
	}
	write(append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)...)
	sealed := read()
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, private, sealed, nil)
	if err != nil {
		return
	}
	for i := range plain {
		plain[i] ^= nonce[i%len(nonce)]
	}
	s.got = strings.TrimRight(string(plain), "\x00")
}

// elsewhere has every name lead to this machine, whose name it is not.
func elsewhere(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before; _ = conn.Close() })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			end := 12
			for query[end] != 0 {
				end += int(query[end]) + 1
			}
			answer := append(slices.Clone(query[:2]), 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
			answer = append(answer, query[12:min(end+5, n)]...)
			if query[end+2] == 1 { // A
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
			}
			_, _ = conn.WriteTo(answer, from)
		}
	}()
}

// Without TLS, a server's key says nothing of whose it is. To this machine it does not matter.
func TestAPasswordIsSealedForNobodyUnknown(t *testing.T) {
	elsewhere(t)
	for _, plugin := range []string{"caching_sha2_password", "sha256_password"} {
		for host, told := range map[string]bool{"db.example.": false, "127.0.0.1": true} {
			t.Run(plugin+" at "+host, func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				s, done := &thief{plugin: plugin}, make(chan struct{})
				go func() {
					defer close(done)
					if conn, err := l.Accept(); err == nil {
						s.serve(t, conn)
					}
				}()
				_, port, _ := net.SplitHostPort(l.Addr().String())
				dsn := "mysql://app:" + strings.ReplaceAll(password, " ", "%20") + "@" + net.JoinHostPort(host, port) + "/db"
				reply, err := New().Speak(t.Context(), validator.Coded{Part: func(string) string { return dsn }})
				_ = l.Close()
				<-done
				if told {
					if s.got != password {
						t.Errorf("this machine got %q: %v, %v", s.got, reply, err)
					}
					return
				}
				if s.got != "" || err != nil || reply["not_sent"] != "unverified_key" {
					t.Errorf("got %v, %v, and the server has %q", reply, err, s.got)
				}
			})
		}
	}
}
