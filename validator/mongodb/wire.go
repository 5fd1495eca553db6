package mongodb

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A message is a header of four numbers, flags, and one section with a document.
const (
	opMsg      = 2013
	headerSize = 16
	sectionAt  = headerSize + 4 + 1
	maxMessage = 1 << 20
)

var errProtocol = errors.New("not a message of MongoDB")

// conversation is one connection, on which a command waits for the last one's answer.
type conversation struct {
	net.Conn
	last uint32 // number of the last command
}

// run sends a command to db and returns the answer of the server, also a refusal.
func (c *conversation) run(ctx context.Context, db string, command *bsoncore.DocumentBuilder) (bsoncore.Document, error) {
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return nil, err
		}
	}
	c.last++
	document := command.AppendString("$db", db).Build()
	message := make([]byte, sectionAt, sectionAt+len(document))
	message = append(message, document...)
	size := uint32(len(message)) //nolint:gosec // of a command, which is short
	for i, number := range []uint32{size, c.last, 0, opMsg} {
		binary.LittleEndian.PutUint32(message[4*i:], number)
	}
	if _, err := c.Write(message); err != nil {
		return nil, err
	}
	return c.read()
}

func (c *conversation) read() (bsoncore.Document, error) {
	var header [sectionAt]byte
	if _, err := io.ReadFull(c, header[:]); err != nil {
		return nil, err
	}
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(header[at:]) }
	size := number(0)
	// Flags would announce a checksum or more messages; nobody asked for either.
	if size < sectionAt || size > maxMessage || number(8) != c.last || number(12) != opMsg || number(16) != 0 || header[20] != 0 {
		return nil, errProtocol
	}
	document := make([]byte, size-sectionAt)
	if _, err := io.ReadFull(c, document); err != nil {
		return nil, err
	}
	if err := bsoncore.Document(document).Validate(); err != nil {
		return nil, errProtocol
	}
	return document, nil
}

// refusalOf is the code and its name of an answer that says no.
func refusalOf(answer bsoncore.Document) (map[string]any, bool) {
	if ok, is := answer.Lookup("ok").AsFloat64OK(); is && ok == 1 {
		return nil, false
	}
	reply := map[string]any{"code": json.Number("0")}
	if code, is := answer.Lookup("code").AsInt64OK(); is {
		reply["code"] = json.Number(strconv.FormatInt(code, 10))
	}
	if name, is := answer.Lookup("codeName").StringValueOK(); is {
		reply["code_name"] = name
	}
	return reply, true
}
