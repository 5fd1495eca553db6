package mongodb

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what SCRAM-SHA-1 of MongoDB makes of a password
	"encoding/hex"
	"strconv"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/livekey/livekey/validator/internal/login"
)

// Mechanisms, as a server and the authMechanism of a URI name them.
const (
	sha256 = "SCRAM-SHA-256"
	sha1   = "SCRAM-SHA-1"
)

// maxSteps is more than any server takes: two answers, and an empty third of old ones.
const maxSteps = 4

// login proves the password to the server, and the server to us: a server that does not
// know the password cannot say that it is right. A refusal is returned.
func (c *conversation) login(ctx context.Context, source, mechanism, user, password string) (map[string]any, error) {
	client, err := newClient(mechanism, user, password)
	if err != nil {
		return nil, login.Unsupported // a name or password that SASLprep forbids
	}
	steps := client.NewConversation()
	first, err := steps.Step("")
	if err != nil {
		return nil, login.Unsupported
	}
	command := bsoncore.NewDocumentBuilder().AppendInt32("saslStart", 1).AppendString("mechanism", mechanism).
		AppendBinary("payload", 0, []byte(first)).AppendInt32("autoAuthorize", 1).
		AppendDocument("options", bsoncore.NewDocumentBuilder().AppendBoolean("skipEmptyExchange", true).Build())
	for range maxSteps {
		answer, err := c.run(ctx, source, command)
		if err != nil {
			return nil, err
		}
		if refused, is := refusalOf(answer); is {
			return refused, nil
		}
		done, _ := answer.Lookup("done").BooleanOK()
		_, payload, _ := answer.Lookup("payload").BinaryOK()
		next := ""
		if tooMuch(payload) {
			return nil, errProtocol
		}
		if !steps.Done() {
			if next, err = steps.Step(string(payload)); err != nil {
				return nil, errProtocol
			}
		}
		if done {
			if !steps.Valid() {
				return nil, errProtocol
			}
			return nil, nil
		}
		command = bsoncore.NewDocumentBuilder().AppendInt32("saslContinue", 1).
			AppendInt32("conversationId", conversationID(answer)).AppendBinary("payload", 0, []byte(next))
	}
	return nil, errProtocol
}

// mostRounds is a hundred times what servers ask for. Nothing ends the work once it has begun.
const mostRounds = 1_500_000

// tooMuch says whether a server asks for more rounds of hashing than any honest one.
func tooMuch(payload []byte) bool {
	_, rounds, said := bytes.Cut(payload, []byte(",i="))
	if !said {
		return false
	}
	n, err := strconv.Atoi(string(rounds))
	return err != nil || n > mostRounds
}

func newClient(mechanism, user, password string) (*scram.Client, error) {
	if mechanism == sha256 {
		return scram.SHA256.NewClient(user, password, "")
	}
	sum := md5.Sum([]byte(user + ":mongo:" + password)) //nolint:gosec // as above
	return scram.SHA1.NewClientUnprepped(user, hex.EncodeToString(sum[:]), "")
}

func conversationID(answer bsoncore.Document) int32 {
	id, _ := answer.Lookup("conversationId").AsInt32OK()
	return id
}
