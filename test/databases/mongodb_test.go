package databases

import (
	"strings"
	"testing"

	"github.com/livekey/livekey/test/servers"
)

func TestMongoDB(t *testing.T) {
	s := servers.NewFerretDB(t, "passwords at a server of MongoDB's protocol")
	s.Do("admin", `{"createUser": "app", "pwd": "CANARY-1", "roles": [], "mechanisms": ["SCRAM-SHA-256"]}`)
	s.Do("admin", `{"createUser": "old", "pwd": "CANARY-2", "roles": [], "mechanisms": ["SCRAM-SHA-1"]}`)
	s.Do("inventory", `{"createUser": "local", "pwd": "CANARY-3", "roles": []}`)
	dsn := func(user, password, rest string) string { return s.DSN("mongodb", user, password, rest) }
	for name, c := range map[string]struct{ value, want string }{
		"good":                             {dsn("app", "CANARY-1", ""), "live/valid"},
		"good, beside another database":    {dsn("app", "CANARY-1", "inventory?authSource=admin"), "live/valid"},
		"good, with SCRAM-SHA-1":           {dsn("old", "CANARY-2", ""), "live/valid"},
		"good, with a mechanism named":     {dsn("app", "CANARY-1", "?authMechanism=SCRAM-SHA-256"), "live/valid"},
		"good, of the database of its URI": {dsn("local", "CANARY-3", "inventory"), "live/valid"},
		"wrong password":                   {dsn("app", "CANARY-x", ""), "dead/invalid"},
		"wrong password with SCRAM-SHA-1":  {dsn("old", "CANARY-x", ""), "dead/invalid"},
		"no such account":                  {dsn("missing", "CANARY-1", ""), "dead/invalid"},
		"another source":                   {dsn("app", "CANARY-1", "inventory"), "dead/invalid"},
		"a mechanism of no password":       {dsn("app", "CANARY-1", "?authMechanism=MONGODB-X509"), "unknown/unsupported"},
		"TLS, where the server has not":    {dsn("app", "CANARY-1", "?tls=true"), "unknown/transient"},
	} {
		t.Run(name, func(t *testing.T) {
			v := wants(t, "mongodb", c.value, nil, c.want)
			if c.want == "live/valid" && (v.Identity["user"] == "" || v.Identity["database"] == "") {
				t.Errorf("identity %v", v.Identity)
			}
			if c.want == "unknown/unsupported" {
				return
			}
			// The official driver is of the same opinion.
			_, err := s.Run(c.value, "admin", `{"connectionStatus": 1}`)
			if live := c.want == "live/valid"; (err == nil) != live {
				t.Errorf("the official driver says %v", err)
			}
			if c.want == "dead/invalid" && !strings.Contains(err.Error(), "AuthenticationFailed") {
				t.Errorf("the official driver says %v", err)
			}
		})
	}
	t.Run("a password alone", func(t *testing.T) {
		wants(t, "mongodb", "CANARY-1", hosted(s.Host, s.Port, "app"), "live/valid")
		wants(t, "mongodb", "CANARY-x", hosted(s.Host, s.Port, "app"), "unknown/misconfigured")
		wants(t, "mongodb", "CANARY-x", hosted(s.Host, s.Port, "app", "auth_source", "admin"), "dead/invalid")
		wants(t, "mongodb", "CANARY-3", hosted(s.Host, s.Port, "local", "auth_source", "inventory"), "live/valid")
	})
	t.Run("a host that is down beside one that is not", func(t *testing.T) {
		wants(t, "mongodb", "mongodb://app:CANARY-1@127.0.0.1:1,"+s.Address()+"/", nil, "live/valid")
	})
	t.Run("a rotated password", func(t *testing.T) {
		s.Do("admin", `{"updateUser": "app", "pwd": "CANARY-4"}`)
		for password, want := range map[string]string{"CANARY-1": "dead/invalid", "CANARY-4": "live/valid"} {
			if got, _ := checked(t, "MONGODB_URI", dsn("app", password, "")); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
	t.Run("down", func(t *testing.T) {
		s.Stop()
		wants(t, "mongodb", dsn("app", "CANARY-4", ""), nil, "unknown/transient")
	})
}
