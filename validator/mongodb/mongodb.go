// Package mongodb logs in to a MongoDB server and asks who that is. It speaks the four
// commands that this takes, over one connection, instead of having the whole driver.
package mongodb

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/internal/login"
)

// New returns what speaks to MongoDB. A reply has:
//
//	accepted           whether the server took the password
//	code, code_name    of a refusal
//	source             said or assumed: where the account is kept
//	user, database     whom the server knows, and where that account is kept
//	roles              a list
//	not_sent           why livekey sent nothing
func New() validator.Speaker {
	return login.Speaker{Dialect: login.Dialect{
		Name: "MongoDB", Schemes: []string{"mongodb", seedScheme}, Port: "27017", Local: login.Off, Says: says,
	}, Ask: ask}
}

func says(t *login.Target) login.TLS {
	t.CAFile = cmp.Or(t.CAFile, t.Options.Get("tlsCAFile"))
	word := cmp.Or(t.Options.Get("tls"), t.Options.Get("ssl"))
	insecure := t.Options.Get("tlsInsecure") == "true" || t.Options.Get("tlsAllowInvalidCertificates") == "true"
	switch {
	case word == "true" && insecure:
		return login.Unverified
	case word == "true", word == "" && t.Scheme == seedScheme:
		return login.Verify
	}
	return login.Off
}

func ask(ctx context.Context, t login.Target) (map[string]any, error) {
	if t.Scheme == seedScheme {
		if err := resolve(ctx, &t); err != nil {
			return nil, err
		}
	}
	conn, err := connect(ctx, t)
	if err != nil {
		return nil, err
	}
	c := &conversation{Conn: conn}
	defer func() { _ = c.Close() }()
	source, said := sourceOf(t)
	mechanism, refused, err := c.mechanism(ctx, t, source)
	if err == nil && refused == nil {
		refused, err = c.login(ctx, source, mechanism, t.User, t.Password)
	}
	if err != nil {
		return nil, err
	}
	if refused != nil {
		refused["accepted"], refused["source"] = false, said
		return refused, nil
	}
	return c.whoAmI(ctx, said)
}

// connect takes the first host that answers: all members of a replica set know the account.
func connect(ctx context.Context, t login.Target) (net.Conn, error) {
	if t.TLS == login.Unverified {
		return nil, login.Unsupported
	}
	var conn net.Conn
	var err error
	for _, host := range t.Hosts {
		if conn, err = login.Dial(ctx, "tcp", host.String()); err != nil {
			continue
		}
		if t.TLS == login.Off {
			return conn, nil
		}
		config, err := t.TLSConfig(host.Name)
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
	return nil, err
}

// Where an account is kept: as the key says or, of a password alone, as is usual.
const (
	said    = "said"
	assumed = "assumed"
)

func sourceOf(t login.Target) (source, how string) {
	if t.Alone {
		if source := t.With["auth_source"]; source != "" {
			return source, said
		}
		return "admin", assumed
	}
	return cmp.Or(t.Options.Get("authSource"), t.Database, "admin"), said
}

// mechanism says hello, and asks which mechanisms this account has.
func (c *conversation) mechanism(ctx context.Context, t login.Target, source string) (string, map[string]any, error) {
	named := t.Options.Get("authMechanism")
	if source == "$external" || named != "" && named != sha256 && named != sha1 {
		return "", nil, login.Unsupported
	}
	answer, err := c.run(ctx, "admin", bsoncore.NewDocumentBuilder().AppendInt32("hello", 1).
		AppendString("saslSupportedMechs", source+"."+t.User).AppendDocument("client", client()))
	if err != nil {
		return "", nil, err
	}
	if refused, is := refusalOf(answer); is {
		return "", refused, nil
	}
	if named != "" {
		return named, nil, nil
	}
	if slices.Contains(textsOf(answer.Lookup("saslSupportedMechs")), sha256) {
		return sha256, nil, nil
	}
	return sha1, nil, nil // also of servers that do not say, as drivers do
}

// client is how livekey is named in the server's log.
func client() bsoncore.Document {
	named := func(name string) bsoncore.Document {
		return bsoncore.NewDocumentBuilder().AppendString("name", name).AppendString("version", "1").Build()
	}
	return bsoncore.NewDocumentBuilder().AppendDocument("driver", named("livekey")).
		AppendDocument("os", bsoncore.NewDocumentBuilder().AppendString("type", "Linux").Build()).Build()
}

// whoAmI asks for the account by which this connection is known.
func (c *conversation) whoAmI(ctx context.Context, how string) (map[string]any, error) {
	answer, err := c.run(ctx, "admin", bsoncore.NewDocumentBuilder().AppendInt32("connectionStatus", 1))
	if err != nil {
		return nil, err
	}
	reply, refused := refusalOf(answer)
	if !refused {
		reply = map[string]any{}
	}
	reply["accepted"], reply["source"] = true, how
	for _, account := range documentsOf(answer.Lookup("authInfo", "authenticatedUsers")) {
		reply["user"], _ = account.Lookup("user").StringValueOK()
		reply["database"], _ = account.Lookup("db").StringValueOK()
	}
	var roles []any
	for _, role := range documentsOf(answer.Lookup("authInfo", "authenticatedUserRoles")) {
		name, _ := role.Lookup("role").StringValueOK()
		db, _ := role.Lookup("db").StringValueOK()
		roles = append(roles, strings.TrimSuffix(name+"@"+db, "@"))
	}
	reply["roles"] = roles
	return reply, nil
}

func textsOf(list bsoncore.Value) []string {
	var all []string
	for _, v := range valuesOf(list) {
		if text, ok := v.StringValueOK(); ok {
			all = append(all, text)
		}
	}
	return all
}

func documentsOf(list bsoncore.Value) []bsoncore.Document {
	var all []bsoncore.Document
	for _, v := range valuesOf(list) {
		if d, ok := v.DocumentOK(); ok {
			all = append(all, d)
		}
	}
	return all
}

func valuesOf(list bsoncore.Value) []bsoncore.Value {
	array, ok := list.ArrayOK()
	if !ok {
		return nil
	}
	values, err := array.Values()
	if err != nil {
		return nil
	}
	return values
}
