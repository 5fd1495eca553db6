package servers

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/livekey/livekey/test/need"
)

// A Redis is a real Redis. Password is that of its default user, "" for none.
type Redis struct {
	*Database
	Password string
}

// NewRedis makes and starts a server with these settings beside the usual ones.
func NewRedis(t testing.TB, promise, password string, settings ...string) *Redis {
	t.Helper()
	need.All(t, promise, need.Program("redis-server"))
	d := newDatabase(t, "redis")
	d.program = "redis-server"
	d.args = append([]string{"--port", d.Port, "--bind", "127.0.0.1", "--save", "", "--dir", d.Dir}, settings...)
	if password != "" {
		d.args = append(d.args, "--requirepass", password)
	}
	r := &Redis{Database: d, Password: password}
	r.Start()
	return r
}

// NewRedisTLS makes a server that listens with TLS alone.
func NewRedisTLS(t testing.TB, promise, password string) *Redis {
	t.Helper()
	need.All(t, promise, need.Program("redis-server"))
	d := newDatabase(t, "redis")
	cert, key := d.encrypt()
	d.program = "redis-server"
	d.args = []string{
		"--port", "0", "--tls-port", d.Port, "--bind", "127.0.0.1", "--save", "", "--dir", d.Dir, "--requirepass", password,
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no",
	}
	r := &Redis{Database: d, Password: password}
	r.Start()
	return r
}

// Connect opens a connection of the default user that ends with the test.
func (r *Redis) Connect() redis.Conn {
	r.t.Helper()
	c, err := redis.Dial("tcp", r.Address(), redis.DialPassword(r.Password))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Do runs a command as the default user.
func (r *Redis) Do(command string, args ...any) {
	r.t.Helper()
	c := r.Connect()
	defer func() { _ = c.Close() }()
	if _, err := c.Do(command, args...); err != nil {
		r.t.Fatalf("%s: %v", command, err)
	}
}
