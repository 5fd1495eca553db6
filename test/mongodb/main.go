// Command mongodb runs one command at a MongoDB with the official driver and prints the
// answer as JSON: it manages the accounts of the tests, and is a second opinion on every
// login. Its module is its own, so that livekey's has no such driver.
//
//	mongodb URI DATABASE '{"ping": 1}'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: mongodb URI DATABASE COMMAND")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(uri, database, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var command bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), false, &command); err != nil {
		return fmt.Errorf("read command: %w", err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	var answer bson.D
	if err := client.Database(database).RunCommand(ctx, command).Decode(&answer); err != nil {
		return err
	}
	out, err := bson.MarshalExtJSON(answer, false, false)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(out))
	return err
}
