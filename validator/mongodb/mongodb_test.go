package mongodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/internal/login"
)

const password = "CANARY-pencil"

// A server answers the commands of one account, app, as MongoDB does. What it does
// otherwise is said by twist.
type server struct {
	mechanism string
	knows     string // its idea of the password
	twist     func(command string, answer *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder
	steps     *scram.ServerConversation
	ran       []string
}

func start(t *testing.T, s *server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		for err == nil {
			err = s.serve(c)
		}
	}()
	return l.Addr().String()
}

func (s *server) serve(c net.Conn) error {
	head := make([]byte, sectionAt)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	command := make([]byte, binary.LittleEndian.Uint32(head)-sectionAt)
	if _, err := io.ReadFull(c, command); err != nil {
		return err
	}
	elements, err := bsoncore.Document(command).Elements()
	if err != nil {
		return err
	}
	name := elements[0].Key()
	s.ran = append(s.ran, name)
	answer := s.answer(name, command)
	if s.twist != nil {
		answer = s.twist(name, answer)
	}
	_, err = c.Write(framed(binary.LittleEndian.Uint32(head[4:]), answer.Build()))
	return err
}

func framed(to uint32, document []byte) []byte {
	message := append(make([]byte, sectionAt), document...)
	binary.LittleEndian.PutUint32(message, uint32(len(message)))
	binary.LittleEndian.PutUint32(message[8:], to)
	binary.LittleEndian.PutUint32(message[12:], opMsg)
	return message
}

func doc() *bsoncore.DocumentBuilder { return bsoncore.NewDocumentBuilder() }

func refuse(code int32, name string) *bsoncore.DocumentBuilder {
	return doc().AppendDouble("ok", 0).AppendInt32("code", code).AppendString("codeName", name).AppendString("errmsg", "echo "+password)
}

func (s *server) answer(name string, command bsoncore.Document) *bsoncore.DocumentBuilder {
	switch name {
	case "hello":
		return doc().AppendArray("saslSupportedMechs", bsoncore.BuildArray(nil, text(s.mechanism))).AppendDouble("ok", 1)
	case "saslStart":
		if m, _ := command.Lookup("mechanism").StringValueOK(); m != s.mechanism {
			return refuse(334, "MechanismUnavailable")
		}
		s.steps = s.scram()
		fallthrough
	case "saslContinue":
		_, payload, _ := command.Lookup("payload").BinaryOK()
		next, err := s.steps.Step(string(payload))
		if err != nil {
			return refuse(18, "AuthenticationFailed")
		}
		return doc().AppendInt32("conversationId", 7).AppendBoolean("done", s.steps.Done()).AppendBinary("payload", 0, []byte(next)).AppendDouble("ok", 1)
	}
	user := doc().AppendString("user", "app").AppendString("db", "admin").Build()
	role := doc().AppendString("role", "readWrite").AppendString("db", "inventory").Build()
	return doc().AppendDocument("authInfo", doc().
		AppendArray("authenticatedUsers", bsoncore.BuildArray(nil, document(user))).
		AppendArray("authenticatedUserRoles", bsoncore.BuildArray(nil, document(role))).Build()).AppendDouble("ok", 1)
}

func text(s string) bsoncore.Value {
	return bsoncore.Value{Type: bsoncore.TypeString, Data: bsoncore.AppendString(nil, s)}
}

func document(d bsoncore.Document) bsoncore.Value {
	return bsoncore.Value{Type: bsoncore.TypeEmbeddedDocument, Data: d}
}

func (s *server) scram() *scram.ServerConversation {
	ours, err := newClient(s.mechanism, "app", s.knows) // for what MongoDB makes of a password
	if err != nil {
		panic(err)
	}
	hash := map[string]scram.HashGeneratorFcn{sha1: scram.SHA1, sha256: scram.SHA256}[s.mechanism]
	client, err := hash.NewClientUnprepped("app", ours.password, "")
	if err != nil {
		panic(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt of sixteen.", Iters: 4096})
	if err != nil {
		panic(err)
	}
	made, err := hash.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		panic(err)
	}
	return made.NewConversation()
}

func speak(t *testing.T, value string) (map[string]any, error) {
	t.Helper()
	return New().Speak(t.Context(), validator.Coded{Part: func(string) string { return value }, With: map[string]string{}})
}

func TestALogin(t *testing.T) {
	for name, c := range map[string]struct {
		server  server
		options string
		want    string // code, or the user that it knows
	}{
		"with SHA-256":                     {server{mechanism: sha256, knows: password}, "", "app"},
		"with SHA-1, as the server says":   {server{mechanism: sha1, knows: password}, "", "app"},
		"a wrong password":                 {server{mechanism: sha256, knows: "another"}, "", "18"},
		"a wrong password, SHA-1":          {server{mechanism: sha1, knows: "another"}, "", "18"},
		"a mechanism that the account has": {server{mechanism: sha1, knows: password}, "?authMechanism=SCRAM-SHA-1", "app"},
		"a mechanism that it has not":      {server{mechanism: sha1, knows: password}, "?authMechanism=SCRAM-SHA-256", "334"},
		"going down": {server{mechanism: sha256, knows: password, twist: func(string, *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			return refuse(91, "ShutdownInProgress")
		}}, "", "91"},
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := speak(t, "mongodb://app:"+password+"@"+start(t, &c.server)+"/"+c.options)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "app" {
				if reply["user"] != "app" || reply["database"] != "admin" || reply["accepted"] != true || len(reply["roles"].([]any)) != 1 {
					t.Errorf("%v", reply)
				}
				return
			}
			if got := reply["code"]; reply["accepted"] != false || got == nil || got.(interface{ String() string }).String() != c.want {
				t.Errorf("%v, want %s", reply, c.want)
			}
			for name, told := range reply {
				if said, ok := told.(string); ok && strings.Contains(said, "CANARY") {
					t.Errorf("%s is %q", name, said)
				}
			}
		})
	}
}

// A server that does not know the password cannot have it called good.
func TestAServerHasToKnowThePassword(t *testing.T) {
	for name, twist := range map[string]func(string, *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder{
		"it says that all is well at once": func(command string, a *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			if command == "saslStart" {
				return doc().AppendInt32("conversationId", 7).AppendBoolean("done", true).AppendBinary("payload", 0, nil).AppendDouble("ok", 1)
			}
			return a
		},
		"it says so before it has heard a proof": func(command string, a *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			if command == "saslStart" {
				_, said, _ := a.Build().Lookup("payload").BinaryOK()
				return doc().AppendInt32("conversationId", 7).AppendBoolean("done", true).AppendBinary("payload", 0, said).AppendDouble("ok", 1)
			}
			return a
		},
		"it says so after it has heard a proof": func(command string, a *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			if command == "saslContinue" {
				return doc().AppendInt32("conversationId", 7).AppendBoolean("done", true).AppendBinary("payload", 0, []byte("v=AAAA")).AppendDouble("ok", 1)
			}
			return a
		},
		"it asks for a day's work": func(command string, a *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			if command == "saslStart" {
				_, said, _ := a.Build().Lookup("payload").BinaryOK()
				more := bytes.Replace(said, []byte(",i=4096"), []byte(",i=2000000000"), 1)
				return doc().AppendInt32("conversationId", 7).AppendBoolean("done", false).AppendBinary("payload", 0, more).AppendDouble("ok", 1)
			}
			return a
		},
		"it goes on for ever": func(command string, a *bsoncore.DocumentBuilder) *bsoncore.DocumentBuilder {
			if command == "saslContinue" {
				return doc().AppendInt32("conversationId", 7).AppendBoolean("done", false).AppendBinary("payload", 0, nil).AppendDouble("ok", 1)
			}
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{mechanism: sha256, knows: "another", twist: twist}
			reply, err := speak(t, "mongodb://app:"+password+"@"+start(t, s)+"/")
			if err == nil || reply != nil || slices.Contains(s.ran, "connectionStatus") {
				t.Errorf("%v, %v after %q", reply, err, s.ran)
			}
		})
	}
}

func TestHostsOfASeedStayInItsDomain(t *testing.T) {
	for name, c := range map[string]struct {
		seed    string
		targets []string
		good    bool
	}{
		"of the same domain":             {"cluster0.ab1.mongodb.net", []string{"shard-0.ab1.mongodb.net.", "Shard-1.ab1.mongodb.net."}, true},
		"of another":                     {"cluster0.ab1.mongodb.net", []string{"shard-0.ab1.mongodb.net.", "evil.example."}, false},
		"of one that ends alike":         {"cluster0.ab1.mongodb.net", []string{"shard-0.evilab1.mongodb.net."}, false},
		"of the domain above":            {"cluster0.ab1.mongodb.net", []string{"shard-0.mongodb.net."}, false},
		"none":                           {"cluster0.ab1.mongodb.net", nil, false},
		"below a name without a domain":  {"db.internal", []string{"one.db.internal."}, true},
		"beside a name without a domain": {"db.internal", []string{"one.internal."}, false},
	} {
		var records []*net.SRV
		for _, target := range c.targets {
			records = append(records, &net.SRV{Target: target, Port: 27017})
		}
		hosts, err := inDomain(c.seed, records)
		if (err == nil) != c.good || c.good && len(hosts) != len(c.targets) {
			t.Errorf("%s: %v, %v", name, hosts, err)
		}
	}
	target := login.Target{Options: map[string][]string{}}
	if err := advise(&target, "authSource=users&replicaSet=x"); err != nil || target.Options.Get("authSource") != "users" {
		t.Errorf("%v, %v", target.Options, err)
	}
	target.Options.Set("authSource", "said")
	if err := advise(&target, "authSource=users"); err != nil || target.Options.Get("authSource") != "said" {
		t.Errorf("what the URI says does not count: %v, %v", target.Options, err)
	}
}

// canned is a connection whose far end has said all that it will say.
type canned struct {
	net.Conn
	said *bytes.Reader
}

func (c canned) Read(p []byte) (int, error)  { return c.said.Read(p) }
func (c canned) Write(p []byte) (int, error) { return len(p), nil }

func FuzzAnswer(f *testing.F) {
	f.Add(framed(1, doc().AppendDouble("ok", 1).Build()))
	f.Add(framed(2, refuse(18, "x").Build()))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		c := &conversation{Conn: canned{said: bytes.NewReader(said)}}
		answer, err := c.run(context.Background(), "admin", doc().AppendInt32("hello", 1))
		if err != nil {
			if !errors.Is(err, errProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		if len(answer) > maxMessage {
			t.Fatal("too long")
		}
		_, _ = refusalOf(answer)
		_ = textsOf(answer.Lookup("saslSupportedMechs"))
		_ = documentsOf(answer.Lookup("authInfo", "authenticatedUsers"))
	})
}
