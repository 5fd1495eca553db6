package servers

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/livekey/livekey/test/need"
)

// A MariaDB is a real MariaDB, with TLS. Its account admin has no password.
type MariaDB struct{ *Database }

// NewMariaDB makes and starts a server.
func NewMariaDB(t testing.TB, promise string) *MariaDB {
	t.Helper()
	need.All(t, promise, need.Program("mariadbd"), need.Program("mariadb-install-db"))
	d := newDatabase(t, "mariadb")
	data := filepath.Join(d.Dir, "data")
	d.prepare("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	cert, key := d.encrypt()
	init := d.file("init.sql", "CREATE USER IF NOT EXISTS admin@'127.0.0.1';\nGRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n")
	d.program = "mariadbd"
	d.args = []string{
		"--no-defaults", "--datadir=" + data, "--port=" + d.Port, "--bind-address=127.0.0.1", "--socket=" + filepath.Join(d.Dir, "s"),
		"--pid-file=" + filepath.Join(d.Dir, "pid"), "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
		"--skip-name-resolve", "--max-connections=10", "--init-file=" + init, "--ssl-cert=" + cert, "--ssl-key=" + key,
	}
	m := &MariaDB{d}
	m.Start()
	return m
}

// Connect opens a connection that ends with the test.
func (m *MariaDB) Connect(user, password string) (driver.Conn, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = "tcp", m.Address(), user, password
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(context.Background())
	if err == nil {
		m.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// Do runs statements as the owner of the server.
func (m *MariaDB) Do(statements ...string) {
	m.t.Helper()
	var c driver.Conn
	var err error
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err = m.Connect("admin", ""); err == nil {
			break
		}
		if time.Now().After(end) {
			m.t.Fatalf("log in as admin: %v\n%s", err, m.log)
		}
	}
	defer func() { _ = c.Close() }()
	for _, s := range statements {
		if _, err := c.(driver.ExecerContext).ExecContext(context.Background(), s, nil); err != nil {
			m.t.Fatalf("%s: %v", s, err)
		}
	}
}
