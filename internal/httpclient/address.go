package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Loopback says whether host, without a port, is this machine: the only one to
// which anything goes unencrypted.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

// ErrAddressRefused says that a name led to an address that no value may reach.
var ErrAddressRefused = errors.New("address refused: link-local or cloud metadata")

// Metadata services that do not live on a link-local address.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google Cloud
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba Cloud
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle Cloud
}

// refuseMetadata sees the address that is really dialed, so a name that
// changes its mind between two look-ups gains nothing. It lets those of reach pass.
func refuseMetadata(reach []netip.Addr) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read dialed address: %w", err)
		}
		if refused(ap.Addr()) && !slices.Contains(reach, ap.Addr()) {
			return ErrAddressRefused
		}
		return nil
	}
}

func refused(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if v4, ok := embedded(a); ok && refused(v4) {
		return true
	}
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || metadata[a]
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
	compat    = netip.MustParsePrefix("::/96")        // RFC 4291, deprecated
)

// embedded returns the IPv4 address that a translator or tunnel would make of a.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if a.Is4() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case a.IsLoopback() || a.IsUnspecified(): // inside ::/96, and no IPv4
		return netip.Addr{}, false
	case nat64.Contains(a), compat.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
