package httpclient_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
)

func TestMetadataAddressesAreRefused(t *testing.T) {
	c := client(t, httpclient.Options{Timeout: time.Second})
	for name, url := range map[string]string{
		"link-local":                    "http://169.254.169.254/",
		"link-local, another":           "http://169.254.0.1/",
		"IPv4 inside IPv6":              "http://[::ffff:169.254.169.254]/",
		"IPv4 inside IPv6, the old way": "http://[::169.254.169.254]/",
		"IPv4 behind NAT64":             "http://[64:ff9b::a9fe:a9fe]/",
		"IPv4 behind 6to4":              "http://[2002:a9fe:a9fe::1]/",
		"link-local v6":                 "http://[fe80::1%25lo]/",
		"AWS v6":                        "http://[fd00:ec2::254]/",
		"Google v6":                     "http://[fd20:ce::254]/",
		"Alibaba":                       "http://100.100.100.200/",
		"Azure":                         "http://168.63.129.16/",
		"Oracle":                        "http://192.0.0.192/",
		"unspecified":                   "http://0.0.0.0:1/",
		"unspecified v6":                "http://[::]:1/",
		"multicast":                     "http://224.0.0.1/",
		"IPv4 inside IPv6, spelled out": "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := get(c, url); !errors.Is(err, httpclient.ErrAddressRefused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// resolveTo makes every name lead to ip, by a DNS server of the test's own.
func resolveTo(t *testing.T, ip net.IP) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(buf[:n], ip.To4()), from)
		}
	}()
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers a question for A with ip, any other with nothing (RFC 1035).
func dnsAnswer(query []byte, ip net.IP) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	isA := query[end-4] == 0 && query[end-3] == 1
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if isA {
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		answer = append(answer, ip...)
	}
	return answer
}

func TestANameIsJudgedByTheAddressItLeadsTo(t *testing.T) {
	resolveTo(t, net.IPv4(169, 254, 169, 254))
	if _, err := get(client(t, httpclient.Options{Timeout: 2 * time.Second}), "http://issuer.example/"); !errors.Is(err, httpclient.ErrAddressRefused) {
		t.Errorf("a name that leads to metadata: %v", err)
	}
	var seen atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer srv.Close()
	resolveTo(t, net.IPv4(127, 0, 0, 1))
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	if _, err := get(client(t, httpclient.Options{Timeout: 2 * time.Second}), "http://issuer.example:"+port); err != nil || seen.Load() != 1 {
		t.Errorf("a name that leads elsewhere: %v", err)
	}
}

func TestOneMetadataAddressMayBeReachedAndNoOther(t *testing.T) {
	t.Parallel()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{
		Timeout: 200 * time.Millisecond, Reach: []netip.Addr{netip.MustParseAddr("fd00:ec2::254")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for host, refused := range map[string]bool{
		"[fd00:ec2::254]":            false, // whether somebody is there or not
		"169.254.169.254":            true,
		"[64:ff9b::169.254.169.254]": true,
		"[fe80::1]":                  true,
	} {
		resp, err := client.Get("http://" + host + "/")
		if err == nil {
			_ = resp.Body.Close()
		}
		if errors.Is(err, httpclient.ErrAddressRefused) != refused {
			t.Errorf("%s: err = %v, refused %t", host, err, refused)
		}
	}
}
