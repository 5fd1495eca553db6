package mongodb

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/livekey/livekey/validator/internal/login"
)

// seedScheme is that of a URI whose one name DNS knows the hosts of.
const seedScheme = "mongodb+srv"

// resolve puts the hosts that DNS names into t, and what it says about the account. A
// host outside of the name's own domain is refused, as drivers do: who owns an answer
// of DNS would else be sent a login.
func resolve(ctx context.Context, t *login.Target) error {
	if len(t.Hosts) != 1 {
		return login.NotADSN
	}
	name := strings.ToLower(strings.TrimSuffix(t.Hosts[0].Name, "."))
	_, records, err := net.DefaultResolver.LookupSRV(ctx, "mongodb", "tcp", name)
	if err != nil {
		return err
	}
	hosts, err := inDomain(name, records)
	if err != nil {
		return err
	}
	t.Hosts = hosts
	texts, err := net.DefaultResolver.LookupTXT(ctx, name)
	if err != nil || len(texts) != 1 {
		return nil // there need be none
	}
	return advise(t, texts[0])
}

func inDomain(name string, records []*net.SRV) ([]login.Host, error) {
	_, domain, _ := strings.Cut(name, ".")
	if strings.Count(name, ".") < 2 {
		domain = name // a short name has no domain that others share
	}
	var hosts []login.Host
	for _, r := range records {
		target := strings.ToLower(strings.TrimSuffix(r.Target, "."))
		if !strings.HasSuffix(target, "."+domain) {
			return nil, login.Unsupported
		}
		hosts = append(hosts, login.Host{Name: target, Port: strconv.Itoa(int(r.Port))})
	}
	if len(hosts) == 0 {
		return nil, login.Unsupported
	}
	return hosts, nil
}

// advise takes from the TXT record where accounts are kept, unless the URI says so.
func advise(t *login.Target, text string) error {
	options, err := url.ParseQuery(text)
	if err != nil {
		return login.Unsupported
	}
	if source := options.Get("authSource"); source != "" && !t.Options.Has("authSource") {
		t.Options.Set("authSource", source)
	}
	return nil
}
