// Command vault serves a real Vault core on loopback for livekey's tests: unsealed,
// one root token, nothing mounted but sys/. It says on standard output, one a line,
//
//	root token: hvs.…
//	unseal key: <base64>
//	listening on 127.0.0.1:8200
//
// and serves until it is stopped or, with -until-eof, until standard input ends.
// With -dir it keeps its storage there and is the same Vault after a restart;
// without, it forgets everything.
//
// It has a module of its own: Vault's server is under the BUSL and is never
// linked into livekey.
package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	log "github.com/hashicorp/go-hclog"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

type options struct {
	listen, cert, key, dir, level string
	untilEOF                      bool
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8200", "address to serve on; port 0 takes a free one")
	flag.StringVar(&o.cert, "cert", "", "serve TLS with this certificate")
	flag.StringVar(&o.key, "key", "", "key of -cert")
	flag.StringVar(&o.dir, "dir", "", "directory that keeps storage, root token and unseal key; empty: in memory")
	flag.StringVar(&o.level, "log-level", "warn", "Vault's log level")
	flag.BoolVar(&o.untilEOF, "until-eof", false, "exit when standard input ends, so that a killed test leaves no server behind")
	flag.Parse()

	if o.untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	if err := serve(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, o options) error {
	// Taken before the core exists: the core must know its own address.
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	scheme := "http"
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return fmt.Errorf("load certificate: %w", err)
		}
		scheme = "https"
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{pair},
			ClientAuth:   tls.RequestClientCert, // for the cert auth method
			NextProtos:   []string{"h2", "http/1.1"},
		})
	}

	logger := log.New(&log.LoggerOptions{Level: log.LevelFromString(o.level), Output: os.Stderr})
	storage, err := openStorage(o.dir, logger)
	if err != nil {
		return fmt.Errorf("open storage: %w", err)
	}
	core, err := newCore(storage, logger, scheme+"://"+listener.Addr().String())
	if err != nil {
		return fmt.Errorf("create core: %w", err)
	}
	k, err := unseal(ctx, core, o.dir)
	if err != nil {
		return err
	}
	fmt.Println("root token:", k.RootToken)
	fmt.Println("unseal key:", base64.StdEncoding.EncodeToString(k.Share))
	fmt.Println("listening on", listener.Addr())

	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{},
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	return server.Serve(listener)
}

func openStorage(dir string, logger log.Logger) (physical.Backend, error) {
	if dir == "" {
		return inmem.NewInmem(nil, logger)
	}
	return file.NewFileBackend(map[string]string{"path": filepath.Join(dir, "storage")}, logger)
}

// keys open a Vault that was initialized before. They lie open beside the
// storage: this Vault guards nothing but the values of tests.
type keys struct {
	RootToken string
	Share     []byte
}

// unseal initializes core if its storage is new, and unseals it.
func unseal(ctx context.Context, core *vault.Core, dir string) (keys, error) {
	path := filepath.Join(dir, "keys.json")
	var k keys
	if dir != "" {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return k, err
		default:
			if err := json.Unmarshal(text, &k); err != nil {
				return k, fmt.Errorf("read %s: %w", path, err)
			}
		}
	}
	if k.Share == nil {
		made, err := core.Initialize(ctx, &vault.InitParams{
			BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		})
		if err != nil {
			return k, fmt.Errorf("initialize: %w", err)
		}
		k = keys{RootToken: made.RootToken, Share: made.SecretShares[0]}
		if dir != "" {
			text, err := json.Marshal(k)
			if err != nil {
				return k, err
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return k, err
			}
		}
	}
	// Unseal overwrites the share that it is given.
	if _, err := core.Unseal(append([]byte(nil), k.Share...)); err != nil {
		return k, fmt.Errorf("unseal: %w", err)
	}
	return k, nil
}
