package httpclient_test

import (
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
)

var now = time.Date(2026, time.August, 1, 12, 0, 0, 0, time.UTC)

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "7", "-1", "99999999999999999999", "1.5", "Sat, 01 Aug 2026 12:00:30 GMT", "Sat, 01 Aug 1926 12:00:30 GMT", " 7 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := httpclient.RetryAfter(s, now); d < 0 || d > httpclient.MaxRetryAfter {
			t.Fatalf("%q is %s", s, d)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"0":                             0,
		"-1":                            0,
		"+1":                            0,
		"soon":                          0,
		"3600":                          httpclient.MaxRetryAfter,
		"9223372036854775807":           httpclient.MaxRetryAfter,
		"99999999999999999999999":       0,
		"Sat, 01 Aug 2026 12:00:30 GMT": 30 * time.Second,
		"Sat, 01 Aug 2026 11:00:00 GMT": 0,
		"Sun, 02 Aug 2026 12:00:00 GMT": httpclient.MaxRetryAfter,
	} {
		if got := httpclient.RetryAfter(s, now); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "localhost.": false, "localhost.example": false, "127.0.0.1.example": false,
		"127.1": false, "10.0.0.1": false, "127.0.0.1:80": false,
	} {
		if got := httpclient.Loopback(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
