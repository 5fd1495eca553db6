// Package postgres logs in to a PostgreSQL server and asks who that is.
package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/internal/login"
)

// New returns what speaks to PostgreSQL. A reply has:
//
//	asked, accepted   whether the server asked for the password, and let the role in
//	code, routine     SQLSTATE of a refusal, and which routine of the server refused
//	user, database    whom it knows
//	valid_until       when the password ends, RFC 3339, if it does
//	attributes        superuser, createrole, …
//	not_sent          why livekey sent nothing
func New() validator.Speaker {
	return login.Speaker{Dialect: login.Dialect{
		Name: "PostgreSQL", Schemes: []string{"postgres", "postgresql"}, Port: "5432", Local: login.Preferred, Says: says,
	}, Ask: ask}
}

// modes are the words of sslmode. allow is taken as prefer: TLS is tried first.
var modes = map[string]login.TLS{
	"": login.Preferred, "disable": login.Off, "allow": login.Preferred, "prefer": login.Preferred,
	"require": login.Unverified, "verify-ca": login.VerifyCA, "verify-full": login.Verify,
}

func says(t *login.Target) login.TLS {
	if root := t.Options.Get("sslrootcert"); t.CAFile == "" && root != "" && root != "system" {
		t.CAFile = root
	}
	return modes[t.Options.Get("sslmode")]
}

func ask(ctx context.Context, t login.Target) (map[string]any, error) {
	if len(t.Hosts) > 1 {
		return nil, login.Unsupported
	}
	cfg, err := config(t)
	if err != nil {
		return nil, err
	}
	s := &spy{}
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(io.TeeReader(r, s), w)
	}
	// A server without TLS costs a second connection. One that has answered is not
	// asked again without.
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.heard {
			return nil, errAnswered
		}
		return login.Dial(ctx, network, address)
	}
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return refusal(s, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	return whoAmI(ctx, conn, s), nil
}

var errAnswered = errors.New("the server has answered")

// config takes nothing from the environment or the home directory, as pgconn would.
func config(t login.Target) (*pgconn.Config, error) {
	if _, err := t.TLSConfig(""); err != nil {
		return nil, err
	}
	mode, known := map[login.TLS]string{
		login.Verify: "verify-full", login.VerifyCA: "verify-ca", login.Unverified: "require", login.Preferred: "prefer", login.Off: "disable",
	}[t.TLS]
	if !known {
		return nil, login.Unsupported // a word of sslmode that PostgreSQL does not know either
	}
	port, _ := strconv.ParseUint(t.Hosts[0].Port, 10, 16)
	cfg, err := pgconn.ParseConfig(settings(map[string]string{
		"host": t.Hosts[0].Name, "port": t.Hosts[0].Port, "user": "replaced", "password": "replaced", "database": "replaced",
		"sslmode": mode, "sslrootcert": t.CAFile, "sslcert": "", "sslkey": "", "sslcertmode": "disable", "sslnegotiation": "postgres",
		"target_session_attrs": "any", "channel_binding": "prefer", "min_protocol_version": "3.0", "max_protocol_version": "3.0",
		"connect_timeout": "0", "require_auth": "",
	}))
	if err != nil {
		return nil, login.Unsupported
	}
	cfg.Host, cfg.Port = t.Hosts[0].Name, uint16(port)
	cfg.User, cfg.Password, cfg.Database = t.User, t.Password, t.Database
	cfg.RuntimeParams = map[string]string{"application_name": "livekey"}
	cfg.MaxProtocolMessageBodyLen = 1 << 16
	if t.TLS != login.Verify && !httpclient.Loopback(cfg.Host) {
		cfg.RequireAuth = "!password" // in the clear, to whoever answers: never
	}
	return cfg, nil
}

// settings writes a connection string.
func settings(of map[string]string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for name, value := range of {
		b.WriteString(name + "='" + quote.Replace(value) + "' ")
	}
	return b.String()
}

func refusal(s *spy, err error) (map[string]any, error) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil, err
	}
	return map[string]any{"asked": s.asked, "accepted": s.accepted, "code": refused.Code, "routine": refused.Routine}, nil
}

const (
	whoSQL = `SELECT session_user, pg_catalog.current_database()`
	// Of Redshift and poolers that have no such view, nothing is told.
	roleSQL = `SELECT CASE WHEN pg_catalog.isfinite(rolvaliduntil) THEN
	pg_catalog.to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
	pg_catalog.concat_ws(', ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'createrole' END,
	CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END)
	FROM pg_catalog.pg_roles WHERE rolname = session_user`
)

// whoAmI asks who logged in. A server that lets nobody ask has still let him in.
func whoAmI(ctx context.Context, conn *pgconn.PgConn, s *spy) map[string]any {
	reply := map[string]any{"asked": s.asked, "accepted": true}
	add := func(sql string, names ...string) {
		results, err := conn.Exec(ctx, sql).ReadAll()
		if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
			return
		}
		for i, name := range names {
			if field := results[0].Rows[0][i]; len(field) > 0 {
				reply[name] = string(field)
			}
		}
	}
	add(whoSQL, "user", "database")
	add(roleSQL, "valid_until", "attributes")
	return reply
}
