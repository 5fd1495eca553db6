package main

import (
	"context"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/validator"
)

// farEnds are what may answer at the address of a database without being one.
var farEnds = map[string]string{
	"a captive portal": "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>login</h>",
	"a proxy":          "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
	"a mail server":    "220 mail.example ESMTP\r\n",
	"zeros":            strings.Repeat("\x00", 4096),
	"ones":             strings.Repeat("\xff", 4096),
	"much too long":    "*2000000000\r\n$2000000000\r\n",
	"nothing":          "",
}

const speakerCanary = "CANARY-pass-7f3a9"

// values are keys of each speaker: a DSN, and a password alone with its parameters.
var values = map[string]struct{ dsn, user string }{
	"mongodb":  {"mongodb://app:" + speakerCanary + "@HOST/x", "app"},
	"mysql":    {"mysql://app:" + speakerCanary + "@HOST/x", "app"},
	"postgres": {"postgres://app:" + speakerCanary + "@HOST/x", "app"},
	"redis":    {"redis://:" + speakerCanary + "@HOST/0", ""},
}

// Whoever is no database says nothing about a key, and whatever a client says of it, the
// password is not in it.
func TestWhatIsNoDatabaseIsNoAnswer(t *testing.T) {
	if len(values) != len(speakers) {
		t.Fatalf("%d speakers, %d of them have values here", len(speakers), len(values))
	}
	for name, s := range speakers {
		for what, text := range farEnds {
			t.Run(name+"/"+what, func(t *testing.T) {
				address := farEnd(t, text)
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					t.Fatal(err)
				}
				alone := map[string]string{"host": host, "port": port, "user": values[name].user}
				for value, with := range map[string]map[string]string{
					strings.ReplaceAll(values[name].dsn, "HOST", address): {},
					speakerCanary: alone,
				} {
					reply, err := speak(t, s, value, with)
					if err == nil || reply != nil {
						t.Errorf("reply %v, %v", reply, err)
					}
					if err != nil && strings.Contains(err.Error(), "CANARY") {
						t.Errorf("the password is in %q", err)
					}
				}
			})
		}
	}
}

// A DSN that leads elsewhere than the config says is not sent: nobody is even dialed.
func TestADSNOfAnotherHostIsNotDialed(t *testing.T) {
	for name, s := range speakers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dialed := make(chan struct{}, 9)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				dialed <- struct{}{}
				_ = c.Close()
			}
		}()
		reply, err := speak(t, s, strings.ReplaceAll(values[name].dsn, "HOST", l.Addr().String()), map[string]string{"host": "db.internal"})
		if err != nil || reply["not_sent"] != "other_host" {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
		_ = l.Close()
		select {
		case <-dialed:
			t.Errorf("%s: it was dialed", name)
		default:
		}
	}
}

func TestNoPasswordGoesToAMetadataAddress(t *testing.T) {
	for name, s := range speakers {
		reply, err := speak(t, s, strings.ReplaceAll(values[name].dsn, "HOST", "169.254.169.254:5432"), map[string]string{})
		if err != nil || reply["not_sent"] != "address" {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
	}
}

func TestAServerThatIsDownIsNoAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for name, s := range speakers {
		reply, err := speak(t, s, strings.ReplaceAll(values[name].dsn, "HOST", l.Addr().String()), map[string]string{})
		if reply != nil || err == nil || err.Error() != "the host of the DSN: connection refused" {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
	}
}

// The environment of livekey is not that of the application whose key is asked about.
func TestTheEnvironmentLeadsNowhere(t *testing.T) {
	address := farEnd(t, "")
	for variable, value := range map[string]string{
		"PGHOST": "evil.example", "PGPORT": "1", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/nonexistent", "PGSERVICEFILE": "/nonexistent",
		"PGREQUIREAUTH": "none", "PGTARGETSESSIONATTRS": "standby",
	} {
		t.Setenv(variable, value)
	}
	for name, s := range speakers {
		if _, err := speak(t, s, strings.ReplaceAll(values[name].dsn, "HOST", address), map[string]string{}); err == nil || !strings.Contains(err.Error(), "not the protocol") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func speak(t *testing.T, s validator.Speaker, value string, with map[string]string) (map[string]any, error) {
	t.Helper()
	all := map[string]string{"host": "", "port": "", "user": "", "database": "", "tls": "", "ca_file": "", "auth_source": ""}
	maps.Copy(all, with)
	if err := s.Lint(all); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Speak(ctx, validator.Coded{Part: func(string) string { return value }, With: all, Now: time.Now()})
}

// farEnd answers every connection so, and closes it.
func farEnd(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.WriteString(c, text)
				_ = c.(*net.TCPConn).CloseWrite()
				_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return l.Addr().String()
}
