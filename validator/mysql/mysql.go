// Package mysql logs in to a MySQL or MariaDB server and asks who that is.
package mysql

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/internal/login"
)

// New returns what speaks to MySQL and MariaDB. A reply has:
//
//	accepted           whether the server let the account in
//	code               number of a refusal
//	never_encrypted    the connection was told not to be
//	user, database     whom the server knows
//	not_sent           why livekey sent nothing
func New() validator.Speaker {
	return login.Speaker{Dialect: login.Dialect{
		Name: "MySQL", Schemes: []string{"mysql", "mariadb"}, Port: "3306", Local: login.Preferred, Says: says,
	}, Ask: ask}
}

// words are what clients write into a DSN about TLS.
var words = map[string]login.TLS{
	"": login.Preferred, "preferred": login.Preferred, "prefer": login.Preferred,
	"disabled": login.Off, "disable": login.Off, "false": login.Off, "0": login.Off,
	"required": login.Unverified, "require": login.Unverified, "skip-verify": login.Unverified,
	"true": login.Verify, "1": login.Verify, "verify_ca": login.Verify, "verify_identity": login.Verify,
	"verify-ca": login.Verify, "verify-full": login.Verify, "strict": login.Verify,
}

func says(t *login.Target) login.TLS {
	for _, option := range []string{"ssl-mode", "sslmode", "sslMode", "ssl_mode", "tls", "ssl"} {
		if word := t.Options.Get(option); word != "" {
			if mode, known := words[strings.ToLower(word)]; known {
				return mode
			}
			return login.Verify // {"rejectUnauthorized":true} and the like
		}
	}
	return login.Preferred
}

func ask(ctx context.Context, t login.Target) (map[string]any, error) {
	if len(t.Hosts) > 1 {
		return nil, login.Unsupported
	}
	cfg, err := config(t)
	if err != nil {
		return nil, err
	}
	road := &sealed{}
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := login.Dial(ctx, network, address)
		if err != nil || httpclient.Loopback(t.Hosts[0].Name) {
			return conn, err
		}
		road.Conn = conn
		return road, nil
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, login.Unsupported
	}
	conn, err := connector.Connect(ctx)
	if road.offered {
		return nil, login.UnverifiedKey
	}
	if err != nil {
		return refusal(t, false, err)
	}
	defer func() { _ = conn.Close() }()
	who, err := whoAmI(ctx, conn)
	if err != nil {
		return refusal(t, true, err)
	}
	who["accepted"], who["never_encrypted"] = true, t.TLS == login.Off
	return who, nil
}

func config(t login.Target) (*mysql.Config, error) {
	cfg := mysql.NewConfig()
	cfg.Logger = &mysql.NopLogger{}
	cfg.Net, cfg.Addr = "tcp", t.Hosts[0].String()
	cfg.User, cfg.Passwd, cfg.DBName = t.User, t.Password, t.Database
	var err error
	switch t.TLS {
	case login.Preferred:
		cfg.TLSConfig = "preferred"
	case login.Unverified:
		cfg.TLSConfig = "skip-verify"
	case login.Off:
	default:
		var verified *tls.Config
		verified, err = t.TLSConfig(t.Hosts[0].Name)
		cfg.TLS = verified
	}
	return cfg, err
}

// refusal is what the server answered instead of letting the account do anything.
func refusal(t login.Target, accepted bool, err error) (map[string]any, error) {
	refused, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return nil, err
	}
	code := json.Number(strconv.Itoa(int(refused.Number)))
	return map[string]any{"accepted": accepted, "code": code, "never_encrypted": t.TLS == login.Off}, nil
}

// whoAmI asks for the account that the server chose, and not for the one that was named.
func whoAmI(ctx context.Context, conn driver.Conn) (map[string]any, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "SELECT CURRENT_USER(), DATABASE()", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, 2)
	if err := rows.Next(row); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	reply := map[string]any{}
	for i, name := range []string{"user", "database"} {
		if text, ok := row[i].([]byte); ok && len(text) > 0 {
			reply[name] = string(text)
		}
	}
	return reply, nil
}
