package databases

import (
	"testing"

	"github.com/livekey/livekey/test/servers"
)

func TestRedis(t *testing.T) {
	s := servers.NewRedis(t, "passwords at a real Redis", "CANARY-main", "--maxclients", "16")
	s.Do("ACL", "SETUSER", "app", "on", ">CANARY-1", "~*", "+@all")
	s.Do("ACL", "SETUSER", "few", "on", ">CANARY-2", "~*", "+get")
	s.Do("ACL", "SETUSER", "off", "off", ">CANARY-3")
	dsn := func(user, password string) string { return s.DSN("redis", user, password, "0") }
	for name, c := range map[string]struct{ value, want, user string }{
		"good":                          {dsn("", "CANARY-main"), "live/valid", "default"},
		"good, by name":                 {dsn("default", "CANARY-main"), "live/valid", "default"},
		"a user":                        {dsn("app", "CANARY-1"), "live/valid", "app"},
		"a user of few rights":          {dsn("few", "CANARY-2"), "live/limited_scope", "few"},
		"wrong password":                {dsn("", "CANARY-x"), "dead/invalid", ""},
		"wrong password of a user":      {dsn("app", "CANARY-x"), "dead/invalid", ""},
		"a user that is off":            {dsn("off", "CANARY-3"), "dead/invalid", ""},
		"no such user":                  {dsn("missing", "CANARY-1"), "dead/invalid", ""},
		"TLS, where the server has not": {s.DSN("rediss", "", "CANARY-main", ""), "unknown/transient", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if v := wants(t, "redis", c.value, nil, c.want); v.Identity["user"] != c.user {
				t.Errorf("identity %v", v.Identity)
			}
		})
	}
	t.Run("a password alone", func(t *testing.T) {
		wants(t, "redis", "CANARY-main", hosted(s.Host, s.Port, ""), "live/valid")
		wants(t, "redis", "CANARY-1", hosted(s.Host, s.Port, "app"), "live/valid")
		wants(t, "redis", "CANARY-x", hosted(s.Host, s.Port, "app"), "dead/invalid")
	})
	t.Run("a rotated password", func(t *testing.T) {
		s.Do("ACL", "SETUSER", "app", "resetpass", ">CANARY-4")
		for password, want := range map[string]string{"CANARY-1": "dead/invalid", "CANARY-4": "live/valid"} {
			if got, _ := checked(t, "REDIS_URL", dsn("app", password)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
	t.Run("too many clients", func(t *testing.T) {
		for range 16 {
			s.Connect()
		}
		wants(t, "redis", dsn("", "CANARY-main"), nil, "unknown/transient")
	})
	t.Run("down", func(t *testing.T) {
		s.Stop()
		wants(t, "redis", dsn("", "CANARY-main"), nil, "unknown/transient")
	})
}

// PONG alone proves nothing.
func TestRedisWithoutAPassword(t *testing.T) {
	s := servers.NewRedis(t, "a Redis that answers everybody", "")
	for _, user := range []string{"", "default"} {
		wants(t, "redis", s.DSN("redis", user, "CANARY-anything", ""), nil, "unknown/wrong_auth_method")
	}
}

func TestRedisOverTLS(t *testing.T) {
	s := servers.NewRedisTLS(t, "a Redis with TLS", "CANARY-main")
	value := s.DSN("rediss", "", "CANARY-main", "")
	wants(t, "redis", value, nil, "unknown/transient") // a root that nobody trusts
	wants(t, "redis", value, map[string]string{"ca_file": s.CAFile}, "live/valid")
	wants(t, "redis", s.DSN("rediss", "", "CANARY-x", ""), map[string]string{"ca_file": s.CAFile}, "dead/invalid")
	wants(t, "redis", s.DSN("redis", "", "CANARY-main", ""), nil, "unknown/transient")
}
