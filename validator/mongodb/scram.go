package mongodb

import (
	"context"
	"crypto/md5"            //nolint:gosec // what SCRAM-SHA-1 of MongoDB makes of a password
	oldhashes "crypto/sha1" //nolint:gosec // SCRAM-SHA-1 itself
	hashes "crypto/sha256"
	"encoding/hex"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"golang.org/x/text/secure/precis"

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
	steps, err := newClient(mechanism, user, password)
	if err != nil {
		return nil, login.Unsupported // a password that no preparation allows
	}
	command := bsoncore.NewDocumentBuilder().AppendInt32("saslStart", 1).AppendString("mechanism", mechanism).
		AppendBinary("payload", 0, []byte(steps.first())).AppendInt32("autoAuthorize", 1).
		AppendDocument("options", bsoncore.NewDocumentBuilder().AppendBoolean("skipEmptyExchange", true).Build())
	proved := false
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
		switch {
		case steps.server == nil:
			if next, err = steps.proof(string(payload)); err != nil {
				return nil, errProtocol
			}
		case !proved:
			if proved = steps.proved(string(payload)); !proved {
				return nil, errProtocol
			}
		}
		if done {
			if !proved {
				return nil, errProtocol
			}
			return nil, nil
		}
		command = bsoncore.NewDocumentBuilder().AppendInt32("saslContinue", 1).
			AppendInt32("conversationId", conversationID(answer)).AppendBinary("payload", 0, []byte(next))
	}
	return nil, errProtocol
}

func newClient(mechanism, user, password string) (*prover, error) {
	if mechanism == sha256 {
		prepared, err := precis.OpaqueString.String(password)
		return newProver(hashes.New, user, prepared), err
	}
	sum := md5.Sum([]byte(user + ":mongo:" + password)) //nolint:gosec // as above
	return newProver(oldhashes.New, user, hex.EncodeToString(sum[:])), nil
}

func conversationID(answer bsoncore.Document) int32 {
	id, _ := answer.Lookup("conversationId").AsInt32OK()
	return id
}
