package databases

import (
	"testing"

	"github.com/livekey/livekey/test/servers"
)

func TestMariaDB(t *testing.T) {
	s := servers.NewMariaDB(t, "passwords at a real MariaDB")
	s.Do(
		"CREATE DATABASE inventory", "CREATE DATABASE closed",
		"CREATE USER app@'127.0.0.1' IDENTIFIED BY 'CANARY-1'", "GRANT SELECT ON inventory.* TO app@'127.0.0.1'",
		"CREATE USER late@'127.0.0.1' IDENTIFIED BY 'CANARY-2' PASSWORD EXPIRE", "CREATE USER locked@'127.0.0.1' IDENTIFIED BY 'CANARY-3' ACCOUNT LOCK",
		"CREATE USER tlsonly@'127.0.0.1' IDENTIFIED BY 'CANARY-4' REQUIRE SSL", "CREATE USER away@'10.1.2.3' IDENTIFIED BY 'CANARY-5'",
		"CREATE USER nobody@'127.0.0.1'",
		"CREATE USER limited@'127.0.0.1' IDENTIFIED BY 'CANARY-6' WITH MAX_USER_CONNECTIONS 1",
	)
	dsn := func(user, password, rest string) string { return s.DSN("mysql", user, password, rest) }
	for name, c := range map[string]struct{ value, want string }{
		"good":                                {dsn("app", "CANARY-1", "inventory"), "live/valid"},
		"good, as MariaDB":                    {s.DSN("mariadb", "app", "CANARY-1", "inventory"), "live/valid"},
		"good, and no database":               {dsn("app", "CANARY-1", ""), "live/valid"},
		"good, over TLS that is verified not": {dsn("app", "CANARY-1", "inventory?ssl-mode=REQUIRED"), "live/valid"},
		"good, over TLS of nobody's root":     {dsn("app", "CANARY-1", "inventory?ssl-mode=VERIFY_IDENTITY"), "unknown/transient"},
		"good, without TLS":                   {dsn("app", "CANARY-1", "inventory?ssl-mode=DISABLED"), "live/valid"},
		"wrong password":                      {dsn("app", "CANARY-x", "inventory"), "dead/invalid"},
		"wrong password, without TLS":         {dsn("app", "CANARY-x", "inventory?ssl-mode=DISABLED"), "unknown/unauthenticated"},
		"no such account":                     {dsn("missing", "CANARY-1", "inventory"), "dead/invalid"},
		"an account of another host":          {dsn("away", "CANARY-5", "inventory"), "dead/invalid"},
		"an account without a password":       {dsn("nobody", "CANARY-x", "inventory"), "dead/invalid"},
		"expired":                             {dsn("late", "CANARY-2", ""), "dead/expired"},
		"expired, and wrong":                  {dsn("late", "CANARY-x", ""), "dead/invalid"},
		"locked":                              {dsn("locked", "CANARY-3", ""), "unknown/misconfigured"},
		"no such database, and no right to":   {dsn("app", "CANARY-1", "missing"), "live/limited_scope"},
		"no privilege":                        {dsn("app", "CANARY-1", "closed"), "live/limited_scope"},
		"no privilege, and wrong":             {dsn("app", "CANARY-x", "closed"), "dead/invalid"},
		"no such database":                    {dsn("admin", "x", "missing"), "dead/invalid"},
		"TLS required, and given":             {dsn("tlsonly", "CANARY-4", ""), "live/valid"},
		"TLS required, and not given":         {dsn("tlsonly", "CANARY-4", "?ssl-mode=DISABLED"), "unknown/unauthenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			v := wants(t, "mysql", c.value, nil, c.want)
			if c.want == "live/valid" && v.Identity["user"] == "" {
				t.Errorf("identity %v", v.Identity)
			}
		})
	}
	t.Run("a password alone", func(t *testing.T) {
		wants(t, "mysql", "CANARY-1", hosted(s.Host, s.Port, "app", "database", "inventory"), "live/valid")
		wants(t, "mysql", "CANARY-1", hosted(s.Host, s.Port, "app", "tls", "verify", "ca_file", s.CAFile), "live/valid")
		wants(t, "mysql", "CANARY-x", hosted(s.Host, s.Port, "app", "database", "inventory"), "dead/invalid")
	})
	t.Run("too many connections of the account", func(t *testing.T) {
		if _, err := s.Connect("limited", "CANARY-6"); err != nil {
			t.Fatal(err)
		}
		wants(t, "mysql", dsn("limited", "CANARY-6", ""), nil, "unknown/transient")
	})
	t.Run("a rotated password", func(t *testing.T) {
		s.Do("ALTER USER app@'127.0.0.1' IDENTIFIED BY 'CANARY-7'")
		for password, want := range map[string]string{"CANARY-1": "dead/invalid", "CANARY-7": "live/valid"} {
			wants(t, "mysql", dsn("app", password, "inventory"), nil, want)
			if got, _ := checked(t, "DATABASE_URL", dsn("app", password, "inventory")); got != want {
				t.Errorf("check: %s, want %s", got, want)
			}
		}
	})
	t.Run("too many connections", func(t *testing.T) {
		s.Do("CREATE USER many@'127.0.0.1' IDENTIFIED BY 'CANARY-8'")
		for range 11 { // one is reserved
			c, err := s.Connect("many", "CANARY-8")
			if err != nil {
				break
			}
			defer func() { _ = c.Close() }()
		}
		wants(t, "mysql", dsn("many", "CANARY-8", ""), nil, "unknown/transient")
	})
	t.Run("an account of a socket", func(t *testing.T) {
		s.Do("CREATE USER socket@'127.0.0.1' IDENTIFIED VIA unix_socket")
		wants(t, "mysql", dsn("socket", "CANARY-x", ""), nil, "unknown/wrong_auth_method")
	})
	t.Run("host not allowed", func(t *testing.T) {
		s.Do("DELETE FROM mysql.global_priv WHERE Host = '127.0.0.1'", "FLUSH PRIVILEGES")
		wants(t, "mysql", dsn("app", "CANARY-7", "inventory"), nil, "unknown/misconfigured")
	})
	t.Run("down", func(t *testing.T) {
		s.Stop()
		wants(t, "mysql", dsn("app", "CANARY-7", ""), nil, "unknown/transient")
	})
}

// A server that was started to check nobody lets every password in.
func TestMariaDBWithoutGrants(t *testing.T) {
	s := servers.NewMariaDB(t, "a MariaDB that checks nobody")
	s.Stop()
	s.Start("--skip-grant-tables", "--init-file=")
	wants(t, "mysql", s.DSN("mysql", "app", "CANARY-anything", ""), nil, "unknown/wrong_auth_method")
}
