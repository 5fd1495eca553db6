package login

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/validator"
)

var dialect = Dialect{
	Name: "Database", Schemes: []string{"db", "database"}, Port: "5432", Local: Preferred,
	Says: func(t *Target) TLS { return TLS(t.Options.Get("tls")) },
}

func coded(value string, with map[string]string) validator.Coded {
	return validator.Coded{Part: func(string) string { return value }, With: with}
}

func TestADSNSaysWhereItGoes(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		want  string // user, password, hosts, database, tls
	}{
		"all of it":                       {"db://app:pw@db.internal:6543/inventory?tls=off", "app pw db.internal:6543 inventory off"},
		"no port":                         {"db://app:pw@db.internal/inventory", "app pw db.internal:5432 inventory "},
		"no database":                     {"db://app:pw@db.internal", "app pw db.internal:5432  "},
		"another scheme of the same":      {"database://app:pw@db.internal", "app pw db.internal:5432  "},
		"an address of IPv6":              {"db://app:pw@[fd00::1]:6543/x", "app pw [fd00::1]:6543 x "},
		"an address of IPv6, no port":     {"db://app:pw@[fd00::1]/x", "app pw [fd00::1]:5432 x "},
		"several hosts":                   {"db://app:pw@a:1,b:2,c/x", "app pw a:1,b:2,c:5432 x "},
		"escapes":                         {"db://a%40b:p%2Fw%3F%23@db/x%20y", "a@b p/w?# db:5432 x y "},
		"an @ and a : in the password":    {"db://app:p@w:d@db/x", "app p@w:d db:5432 x "},
		"options behind the host at once": {"db://app:pw@db?tls=verify", "app pw db:5432  verify"},
	} {
		got, err := dialect.target(coded(c.value, map[string]string{}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var hosts []string
		for _, h := range got.Hosts {
			hosts = append(hosts, h.String())
		}
		if told := fmt.Sprint(got.User, " ", got.Password, " ", strings.Join(hosts, ","), " ", got.Database, " ", got.TLS); told != c.want {
			t.Errorf("%s: %s, want %s", name, told, c.want)
		}
	}
}

func TestWhatIsNotSent(t *testing.T) {
	pinned := map[string]string{"host": "db.internal", "port": "6543", "user": "app"}
	for name, c := range map[string]struct {
		value string
		with  map[string]string
		want  Fault
	}{
		"nothing":                          {"", pinned, NotADSN},
		"a line end":                       {"pw\n", pinned, NotADSN},
		"another kind of server":           {"other://app:pw@db.internal:6543", pinned, NotADSN},
		"a broken escape":                  {"db://app:p%zz@db", nil, NotADSN},
		"no host":                          {"db://app:pw@/x", nil, NotADSN},
		"a port that is none":              {"db://app:pw@db:99999/x", nil, NotADSN},
		"a socket":                         {"db://app:pw@%2Frun%2Fdb/x", nil, NotADSN},
		"a password alone, and no host":    {"hunter2", nil, NoHost},
		"a password alone, and no user":    {"hunter2", map[string]string{"host": "db"}, NoUser},
		"a DSN without a user":             {"db://:pw@db", nil, NoUser},
		"a DSN without a password":         {"db://app@db", nil, NoPassword},
		"a DSN with an empty one":          {"db://app:@db", nil, NoPassword},
		"another host than the config's":   {"db://app:pw@evil.example:6543", pinned, OtherHost},
		"another port than the config's":   {"db://app:pw@db.internal:6544", pinned, OtherHost},
		"the usual port where it is not":   {"db://app:pw@db.internal", pinned, OtherHost},
		"one of its hosts is another":      {"db://app:pw@db.internal:6543,evil.example:6543", pinned, OtherHost},
		"a host that only begins likewise": {"db://app:pw@db.internal.evil.example:6543", pinned, OtherHost},
		"a host behind an @":               {"db://app:pw@db.internal:6543@evil.example:6543", pinned, OtherHost},
	} {
		if c.with == nil {
			c.with = map[string]string{}
		}
		_, err := dialect.target(coded(c.value, c.with))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, value := range []string{"db://app:pw@DB.internal.:6543/x", "hunter2 hunter2"} {
		if got, err := dialect.target(coded(value, pinned)); err != nil || !strings.EqualFold(strings.TrimSuffix(got.Hosts[0].Name, "."), "db.internal") {
			t.Errorf("%s: %v, %v", value, got.Hosts, err)
		}
	}
}

func TestTheConfigDecidesAboutTLSThenTheDSN(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		with  map[string]string
		want  TLS
	}{
		"a DSN says it":                       {"db://a:b@db?tls=off", nil, Off},
		"the config overrules a DSN":          {"db://a:b@db?tls=off", map[string]string{"tls": "verify"}, Verify},
		"a password alone over the network":   {"pw", map[string]string{"host": "db", "user": "a"}, Verify},
		"a password alone, to this machine":   {"pw", map[string]string{"host": "127.0.0.1", "user": "a"}, Preferred},
		"a password alone, and the config":    {"pw", map[string]string{"host": "db", "user": "a", "tls": "off"}, Off},
		"a name that only looks like a local": {"pw", map[string]string{"host": "127.0.0.1.evil.example", "user": "a"}, Verify},
	} {
		if c.with == nil {
			c.with = map[string]string{}
		}
		got, err := dialect.target(coded(c.value, c.with))
		if err != nil || got.TLS != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got.TLS, err, c.want)
		}
	}
}

func TestParametersAreLinted(t *testing.T) {
	for name, c := range map[string]struct {
		with map[string]string
		want string
	}{
		"nothing":                {nil, ""},
		"all":                    {map[string]string{"host": "db", "port": "1", "user": "a", "database": "d", "tls": "verify"}, ""},
		"an address":             {map[string]string{"host": "fd00::1"}, ""},
		"a user without a host":  {map[string]string{"user": "a"}, "with.user: needs host"},
		"a host with a port":     {map[string]string{"host": "db:1"}, "with.host:"},
		"a URL":                  {map[string]string{"host": "db://db"}, "with.host:"},
		"a port that is no port": {map[string]string{"host": "db", "port": "http"}, "with.port:"},
		"TLS of another word":    {map[string]string{"tls": "require"}, "with.tls:"},
	} {
		err := dialect.Lint(c.with)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestHostsAreKnownBeforeTheValueIsOrTheValueSaysThem(t *testing.T) {
	if got := dialect.Hosts(map[string]string{"host": "db.internal"}); !slices.Equal(got, []string{"db://db.internal:5432"}) {
		t.Errorf("pinned: %q", got)
	}
	if got := dialect.Hosts(map[string]string{}); !slices.Equal(got, []string{"db://*"}) {
		t.Errorf("not pinned: %q", got)
	}
}

func TestRootsThatOthersMayWriteAreNotTrusted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ca.pem")
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{"no certificate inside": {"hello", 0o644}, "writable by all": {"hello", 0o666}} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := (Target{CAFile: path}).TLSConfig("db"); !errors.Is(err, CAFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := (Target{}).TLSConfig("db"); err != nil || c.ServerName != "db" || c.RootCAs != nil {
		t.Errorf("without: %v", err)
	}
}

// What a client says of a failure may quote the DSN; of a place, only what the config
// says is told.
func TestErrorsTellAClassAndNoText(t *testing.T) {
	const canary = "CANARY-hunter2"
	s := Speaker{Dialect: dialect, Ask: func(_ context.Context, t Target) (map[string]any, error) {
		return nil, fmt.Errorf("cannot connect to %s as %s:%s: %w", t.Hosts[0], t.User, t.Password, net.ErrClosed)
	}}
	for _, with := range []map[string]string{{}, {"host": "db.internal"}} {
		_, err := s.Speak(t.Context(), coded("db://app:"+canary+"@db.internal/x", with))
		if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "app") {
			t.Errorf("%v: %v", with, err)
		}
		if named := strings.Contains(fmt.Sprint(err), "db.internal"); named != (len(with) > 0) {
			t.Errorf("%v: %v", with, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, v := range []string{"db://a:b@c/d?e=f", "db://a:b@[::1]:1,c", "pw", "db://@", "db://%zz", "db://a:b@c:1@d:2/?x=%"} {
		f.Add(v, "db.internal")
		f.Add(v, "")
	}
	f.Fuzz(func(t *testing.T, value, host string) {
		with := map[string]string{"host": host}
		if dialect.Lint(with) != nil {
			return
		}
		got, err := dialect.target(coded(value, maps.Clone(with)))
		if err != nil {
			if _, ok := errors.AsType[Fault](err); !ok {
				t.Fatalf("%v is no fault", err)
			}
			return
		}
		if got.Password == "" || len(got.Hosts) == 0 {
			t.Fatalf("a target without password or host")
		}
		for _, h := range got.Hosts {
			if !isHost(h.Name) || !isPort(h.Port) {
				t.Fatalf("host %q", h)
			}
			if host != "" && !strings.EqualFold(strings.TrimSuffix(h.Name, "."), strings.TrimSuffix(host, ".")) {
				t.Fatalf("goes to %q, the config says %q", h, host)
			}
		}
	})
}
