// Command dialects reads env files the way that programs in Go do, with those programs'
// own parsers: `dialects docker|godotenv|compose`. Each line of its input is the path
// of a file; each line of its output is ok and the variables, NAME=value in base64,
// or error.
package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	compose "github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/docker/cli/pkg/kvfile"
	"github.com/joho/godotenv"
)

// nobody has no variables, so that what is in a file is all that can be in a value.
func nobody(string) (string, bool) { return "", false }

var parsers = map[string]func(path string) (map[string]string, error){
	"docker":   docker,
	"godotenv": func(path string) (map[string]string, error) { return godotenv.Read(path) },
	"compose": func(path string) (map[string]string, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return compose.ParseWithLookup(f, nobody)
	},
}

// docker reads what docker run --env-file does.
func docker(path string) (map[string]string, error) {
	lines, err := kvfile.Parse(path, nobody)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	return values, nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dialects:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 || parsers[os.Args[1]] == nil {
		return errors.New("name a parser: docker, godotenv or compose")
	}
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		values, err := parsers[os.Args[1]](paths.Text())
		if err != nil {
			fmt.Println("error")
			continue
		}
		fmt.Print("ok")
		for name, value := range values {
			fmt.Print(" ", base64.StdEncoding.EncodeToString([]byte(name+"="+value)))
		}
		fmt.Println()
	}
	return paths.Err()
}
