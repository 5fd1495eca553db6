package servers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/livekey/livekey/test/need"
)

// A Postgres is a real PostgreSQL. Its role admin comes in without a password; all
// others as HBA says.
type Postgres struct{ *Database }

// hba are the lines of pg_hba.conf, the first that fits counts.
const hba = `host all admin 127.0.0.1/32 trust
host all trusted 127.0.0.1/32 trust
hostssl all tlsonly 127.0.0.1/32 scram-sha-256
hostnossl all tlsonly 127.0.0.1/32 reject
host all outsider 127.0.0.1/32 reject
host all cleartext 127.0.0.1/32 password
host all old 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
`

// NewPostgres makes and starts a server.
func NewPostgres(t testing.TB, promise string) *Postgres {
	t.Helper()
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.Sort(all)
	program := "postgres"
	if len(all) > 0 {
		program = all[len(all)-1]
	}
	need.All(t, promise, need.Program(program))
	d := newDatabase(t, "pg")
	data := filepath.Join(d.Dir, "data")
	d.prepare(filepath.Join(filepath.Dir(program), "initdb"), "-D", data, "-U", "admin", "--no-sync", "-A", "trust", "--no-locale", "-E", "UTF8")
	cert, key := d.encrypt()
	d.program = program
	d.args = []string{
		"-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "port=" + d.Port, "-c", "unix_socket_directories=" + d.Dir,
		"-c", "hba_file=" + d.file("hba.conf", hba), "-c", "max_connections=8", "-c", "superuser_reserved_connections=2", "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file=" + cert, "-c", "ssl_key_file=" + key,
	}
	p := &Postgres{d}
	p.Start()
	return p
}

// Admin opens a connection as the owner of the server.
func (p *Postgres) Admin() *pgconn.PgConn { return p.Connect("admin", "") }

// Connect opens a connection that ends with the test. It waits while the server starts.
func (p *Postgres) Connect(user, password string) *pgconn.PgConn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		c, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=postgres sslmode=disable", p.Host, p.Port, user, password))
		if err == nil {
			p.t.Cleanup(func() { _ = c.Close(context.Background()) })
			return c
		}
		if ctx.Err() != nil {
			p.t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Do runs statements as the owner of the server.
func (p *Postgres) Do(statements ...string) {
	p.t.Helper()
	c := p.Admin()
	defer func() { _ = c.Close(context.Background()) }()
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s).ReadAll(); err != nil {
			p.t.Fatalf("%s: %v", s, err)
		}
	}
}
