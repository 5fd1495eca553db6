package databases

import (
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/test/servers"
)

func TestPostgres(t *testing.T) {
	s := servers.NewPostgres(t, "passwords at a real PostgreSQL")
	s.Do(
		"CREATE ROLE app LOGIN CREATEDB PASSWORD 'CANARY-app'", "CREATE ROLE second LOGIN PASSWORD 'CANARY-second' VALID UNTIL '2031-03-01 12:00:00+00'",
		"CREATE ROLE over LOGIN PASSWORD 'CANARY-over' VALID UNTIL '2001-01-01'", "CREATE ROLE locked NOLOGIN PASSWORD 'CANARY-locked'",
		"CREATE ROLE limited LOGIN PASSWORD 'CANARY-limited' CONNECTION LIMIT 0", "CREATE ROLE trusted LOGIN PASSWORD 'CANARY-trusted'",
		"CREATE ROLE tlsonly LOGIN PASSWORD 'CANARY-tlsonly'", "CREATE ROLE outsider LOGIN PASSWORD 'CANARY-outsider'",
		`CREATE ROLE "o'd d" LOGIN PASSWORD 'CANARY/p@ss:w?#%'`, "CREATE ROLE cleartext LOGIN PASSWORD 'CANARY-clear1'", "SET password_encryption = md5",
		"CREATE ROLE old LOGIN PASSWORD 'CANARY-old'", "CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
		"CREATE DATABASE inventory",
	)
	dsn := func(user, password, rest string) string { return s.DSN("postgres", user, password, rest) }

	for name, c := range map[string]struct{ value, want string }{
		"good":                                {dsn("app", "CANARY-app", "inventory"), "live/valid"},
		"good, over TLS that is verified not": {dsn("app", "CANARY-app", "inventory?sslmode=require"), "live/valid"},
		"good, over TLS of nobody's root":     {dsn("app", "CANARY-app", "inventory?sslmode=verify-full"), "unknown/transient"},
		"good, over TLS of its own root":      {dsn("app", "CANARY-app", "inventory?sslmode=verify-full&sslrootcert="+s.CAFile), "live/valid"},
		"good, of a trusted authority":        {dsn("app", "CANARY-app", "inventory?sslmode=verify-ca&sslrootcert="+s.CAFile), "live/valid"},
		"good, without TLS":                   {dsn("app", "CANARY-app", "inventory?sslmode=disable"), "live/valid"},
		"good, as MD5":                        {dsn("old", "CANARY-old", "inventory"), "live/valid"},
		"wrong, as MD5":                       {dsn("old", "CANARY-wrong", "inventory"), "dead/invalid"},
		"good, in the clear to this machine":  {dsn("cleartext", "CANARY-clear1", "inventory"), "live/valid"},
		"good, with everything escaped":       {dsn("o%27d%20d", "CANARY%2Fp@ss:w%3F%23%25", "inventory"), "live/valid"},
		"wrong password":                      {dsn("app", "CANARY-wrong", "inventory"), "dead/invalid"},
		"no such role":                        {dsn("nobody", "CANARY-app", "inventory"), "dead/invalid"},
		"expired":                             {dsn("over", "CANARY-over", "inventory"), "dead/invalid"},
		"locked":                              {dsn("locked", "CANARY-locked", "inventory"), "live/limited_scope"},
		"locked, and wrong":                   {dsn("locked", "CANARY-wrong", "inventory"), "dead/invalid"},
		"no such database":                    {dsn("app", "CANARY-app", "missing"), "live/limited_scope"},
		"no such database, and wrong":         {dsn("app", "CANARY-wrong", "missing"), "dead/invalid"},
		"no privilege":                        {dsn("app", "CANARY-app", "closed"), "live/limited_scope"},
		"trust":                               {dsn("trusted", "CANARY-anything", "inventory"), "unknown/wrong_auth_method"},
		"trust, and no such database":         {dsn("trusted", "CANARY-anything", "missing"), "unknown/wrong_auth_method"},
		"too many connections of the role":    {dsn("limited", "CANARY-limited", "inventory"), "unknown/transient"},
		"host not allowed":                    {dsn("outsider", "CANARY-outsider", "inventory"), "unknown/misconfigured"},
		"TLS required, and given":             {dsn("tlsonly", "CANARY-tlsonly", "inventory"), "live/valid"},
		"TLS required, and not given":         {dsn("tlsonly", "CANARY-tlsonly", "inventory?sslmode=disable"), "unknown/misconfigured"},
		"an sslmode that nobody knows":        {dsn("app", "CANARY-app", "inventory?sslmode=often"), "unknown/unsupported"},
	} {
		t.Run(name, func(t *testing.T) {
			v := wants(t, "postgres", c.value, nil, c.want)
			if c.want == "live/valid" && (v.Identity["user"] == "" || v.Identity["database"] != "inventory") {
				t.Errorf("identity %v", v.Identity)
			}
		})
	}

	t.Run("who it is, what it may do, when it ends", func(t *testing.T) {
		if v := wants(t, "postgres", dsn("app", "CANARY-app", "inventory"), nil, "live/valid"); v.Identity["scopes"] != "createdb" || !v.ExpiresAt.IsZero() {
			t.Errorf("%v, %s", v.Identity, v.ExpiresAt)
		}
		v := wants(t, "postgres", dsn("second", "CANARY-second", "inventory"), nil, "live/valid")
		if want := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC); !v.ExpiresAt.Equal(want) || v.Identity["user"] != "second" {
			t.Errorf("%v, ends %s", v.Identity, v.ExpiresAt)
		}
	})
	t.Run("a password alone", func(t *testing.T) {
		wants(t, "postgres", "CANARY-app", hosted(s.Host, s.Port, "app", "database", "inventory"), "live/valid")
		wants(t, "postgres", "CANARY-app", hosted(s.Host, s.Port, "app", "database", "inventory", "tls", "verify", "ca_file", s.CAFile), "live/valid")
		wants(t, "postgres", "CANARY-wrong", hosted(s.Host, s.Port, "app", "database", "inventory"), "dead/invalid")
		wants(t, "postgres", "CANARY-app", nil, "unknown/misconfigured")
	})
	t.Run("a server that has answered is not asked again without TLS", func(t *testing.T) {
		lines := func() int { return strings.Count(s.Log(), "pg_hba.conf rejects connection") }
		before := lines()
		wants(t, "postgres", dsn("outsider", "CANARY-outsider", "inventory"), nil, "unknown/misconfigured")
		time.Sleep(200 * time.Millisecond)
		if n := lines() - before; n != 1 {
			t.Errorf("%d refused logins for one question", n)
		}
	})
	t.Run("too many connections", func(t *testing.T) {
		var all []interface{ IsClosed() bool }
		for range 6 {
			all = append(all, s.Connect("app", "CANARY-app"))
		}
		wants(t, "postgres", dsn("app", "CANARY-app", "inventory"), nil, "unknown/transient")
		wants(t, "postgres", dsn("app", "CANARY-wrong", "inventory"), nil, "dead/invalid")
		if len(all) != 6 {
			t.Error("the test has no connections")
		}
	})
}

// A rotation as everybody does it: the old password dies, the new one lives.
func TestPostgresRotation(t *testing.T) {
	s := servers.NewPostgres(t, "a rotated password at a real PostgreSQL")
	s.Do("CREATE ROLE app LOGIN PASSWORD 'CANARY-old'", "CREATE DATABASE app")
	first, second := s.DSN("postgres", "app", "CANARY-old", ""), s.DSN("postgres", "app", "CANARY-new", "")
	if got, code := checked(t, "DATABASE_URL", first); got != "live/valid" || code != 0 {
		t.Errorf("before: %s, exit %d", got, code)
	}
	if got, code := checked(t, "DATABASE_URL", second); got != "dead/invalid" || code == 0 {
		t.Errorf("not yet: %s, exit %d", got, code)
	}
	s.Do("ALTER ROLE app PASSWORD 'CANARY-new'")
	if got, code := checked(t, "DATABASE_URL", first); got != "dead/invalid" || code == 0 {
		t.Errorf("after, the old: %s, exit %d", got, code)
	}
	if got, code := checked(t, "DATABASE_URL", second); got != "live/valid" || code != 0 {
		t.Errorf("after, the new: %s, exit %d", got, code)
	}
	wants(t, "postgres", first, nil, "dead/invalid")
	wants(t, "postgres", second, nil, "live/valid")

	s.Stop()
	wants(t, "postgres", second, nil, "unknown/transient")
	// From its first breath to its first login nothing is said about a key.
	s.StartOnly()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		v := ask(t, "postgres", second, nil)
		if v.Outcome.String() == "live" {
			break
		}
		if v.Outcome.String() == "dead" || time.Now().After(end) {
			t.Fatalf("a server that starts: %s/%s %s", v.Outcome, v.Reason, v.Detail)
		}
	}
}
