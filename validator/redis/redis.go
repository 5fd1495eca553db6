// Package redis logs in to a Redis or Valkey server and asks who that is.
package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/internal/login"
)

// New returns what speaks to Redis. A reply has:
//
//	asked      whether the server wants a password of whoever comes
//	accepted   whether it took this one
//	code       first word of a refusal, and text, its line: an old server has ERR for all
//	user       whom it knows
//	not_sent   why livekey sent nothing
func New() validator.Speaker {
	return login.Speaker{Dialect: login.Dialect{
		Name: "Redis", Schemes: []string{"redis", "rediss", "valkey", "valkeys"}, Port: "6379", Nameless: true, Local: login.Off, Says: says,
	}, Ask: ask}
}

// says has no unverified TLS: a password crosses the wire as it is.
func says(t *login.Target) login.TLS {
	if strings.HasSuffix(t.Scheme, "ss") || t.Scheme == "valkeys" {
		return login.Verify
	}
	return login.Off
}

// ask sends what needs no login first: a server that answers it would say PONG to
// anybody, and proves nothing by it.
func ask(ctx context.Context, t login.Target) (map[string]any, error) {
	conn, err := connect(ctx, t)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	_, err = redis.DoContext(conn, ctx, "PING")
	code, text, err := refusal(err)
	switch {
	case err != nil:
		return nil, err
	case code == "":
		return map[string]any{"asked": false, "accepted": false}, nil
	case code != "NOAUTH" && !strings.Contains(text, "operation not permitted"): // of Redis before 2.6.14
		return map[string]any{"asked": false, "accepted": false, "code": code, "text": text}, nil
	}
	credential := []any{t.Password}
	if t.User != "" {
		credential = []any{t.User, t.Password}
	}
	_, err = redis.DoContext(conn, ctx, "AUTH", credential...)
	if code, text, err = refusal(err); err != nil {
		return nil, err
	}
	if code != "" {
		return map[string]any{"asked": true, "accepted": false, "code": code, "text": text}, nil
	}
	return whoAmI(ctx, conn, t)
}

// whoAmI is answered by Redis since 6, and there not to everybody.
func whoAmI(ctx context.Context, conn redis.Conn, t login.Target) (map[string]any, error) {
	reply := map[string]any{"asked": true, "accepted": true}
	user, err := redis.String(redis.DoContext(conn, ctx, "ACL", "WHOAMI"))
	code, text, err := refusal(err)
	switch {
	case err != nil:
		return nil, err
	case code != "":
		reply["code"], reply["text"], user = code, text, cmp.Or(t.User, "default")
	}
	reply["user"] = user
	return reply, nil
}

func connect(ctx context.Context, t login.Target) (redis.Conn, error) {
	if len(t.Hosts) > 1 {
		return nil, login.Unsupported
	}
	raw, err := login.Dial(ctx, "tcp", t.Hosts[0].String())
	if err != nil {
		return nil, err
	}
	if t.TLS != login.Off {
		config, err := t.TLSConfig(t.Hosts[0].Name)
		if err != nil {
			_ = raw.Close()
			return nil, err
		}
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		raw = secure
	}
	return redis.NewConn(&frames{Conn: raw}, 0, 0), nil
}

// refusal takes apart what a server said instead of a reply. Any other error is returned.
func refusal(err error) (code, text string, other error) {
	if err == nil {
		return "", "", nil
	}
	said, ok := errors.AsType[redis.Error](err)
	if !ok {
		return "", "", err
	}
	code, _, _ = strings.Cut(string(said), " ")
	return code, string(said), nil
}
