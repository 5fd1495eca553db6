package vault_test

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/vault"
)

func TestSettings(t *testing.T) {
	const good = "auth: {method: token, token_file: /t}"
	for _, test := range []struct {
		rule, text string
		want       []string // none: accepted
	}{
		{"a token file is enough", good, nil},
		{"AppRole with files", "auth: {method: approle, role_id_file: /r, secret_id_file: /s, mount: a/b}", nil},
		{"AppRole without a secret id", "auth: {method: approle, role_id: r}", nil},
		{"the environment instead of auth", "environment: true", nil},
		{"https", "{address: 'https://vault.internal:8200/prefix/', " + good + "}", nil},
		{"http to loopback", "{address: 'http://127.0.0.1:8200', " + good + "}", nil},
		{"http to loopback by name", "{address: 'http://localhost:8200', " + good + "}", nil},
		{"http to loopback over IPv6", "{address: 'http://[::1]:8200', " + good + "}", nil},

		{"nothing at all", "{}", []string{"sources.vault.auth", "approle", "environment: true"}},
		{"http to elsewhere", "{address: 'http://vault.internal:8200', " + good + "}", []string{"sources.vault.address", "https"}},
		{"http to a name like loopback", "{address: 'http://localhost.example.com', " + good + "}", []string{"sources.vault.address"}},
		{"another scheme", "{address: 'unix:///run/vault.sock', " + good + "}", []string{"sources.vault.address"}},
		{"no scheme", "{address: 'vault.internal:8200', " + good + "}", []string{"sources.vault.address"}},
		{"a password in the address", "{address: 'https://u:hunter22@vault', " + good + "}", []string{"sources.vault.address", "password"}},
		{"a query in the address", "{address: 'https://vault/?a=b', " + good + "}", []string{"sources.vault.address"}},
		{"a time that is no time", "{timeout: 0s, " + good + "}", []string{"sources.vault.timeout"}},
		{"an unknown field", "{adress: x, " + good + "}", []string{"adress"}},
		{"a token", "auth: {method: token, token: hunter22}", []string{"sources.vault.auth.token", "token_file"}},
		{"a secret id", "auth: {method: approle, role_id: r, secret_id: hunter22}", []string{"sources.vault.auth.secret_id", "secret_id_file"}},
		{"no method", "auth: {token_file: /t}", []string{"sources.vault.auth.method"}},
		{"a JWT", "auth: {method: jwt, token_file: /t, role: r, mount: oidc/prod}", nil},
		{"a JWT for the mount's default role", "auth: {method: jwt, token_file: /t}", nil},
		{"a pod needs no file", "auth: {method: kubernetes, role: r}", nil},
		{"a pod with a projected token", "auth: {method: kubernetes, role: r, token_file: /t}", nil},
		{"a user", "auth: {method: userpass, username: u, password_file: /p}", nil},
		{"a certificate", "{client_cert_file: /c, client_key_file: /k, auth: {method: cert, role: r}}", nil},
		{"a certificate of the environment", "{environment: true, auth: {method: cert}}", nil},
		{"a certificate for the connection alone", "{client_cert_file: /c, client_key_file: /k, " + good + "}", nil},
		{"a wrapped secret id", "auth: {method: approle, role_id: r, secret_id_file: /s, secret_id_wrapped: true}", nil},
		{"a namespace, and another for the login", "{namespace: team/a, auth: {method: token, token_file: /t, namespace: root}}", nil},
		{"KV version 1", "{kv: 1, " + good + "}", nil},
		{"a token that livekey leaves alone", "auth: {method: token, token_file: /t, renew: false}", nil},
		{"the name in the certificate", "{server_name: vault.internal, " + good + "}", nil},

		{"an unknown method", "auth: {method: ldap}", []string{"sources.vault.auth.method", "userpass or cert"}},
		{"KV version 3", "{kv: 3, " + good + "}", []string{"sources.vault.kv", "1 or 2"}},
		{"a namespace with a slash at its end", "{namespace: team/, " + good + "}", []string{"sources.vault.namespace", "empty name"}},
		{"a namespace of the login that is none", "auth: {method: token, token_file: /t, namespace: ../up}", []string{"sources.vault.auth.namespace"}},
		{"a certificate without its key", "{client_cert_file: /c, " + good + "}", []string{"sources.vault.client_key_file"}},
		{"a key without its certificate", "{client_key_file: /k, " + good + "}", []string{"sources.vault.client_cert_file"}},
		{"the method cert without a certificate", "auth: {method: cert}", []string{"sources.vault.client_cert_file"}},
		{"a certificate without TLS", "{address: 'http://127.0.0.1:8200', client_cert_file: /c, client_key_file: /k, auth: {method: cert}}", []string{"sources.vault.address", "https"}},
		{"a JWT that is not there", "auth: {method: jwt, role: r}", []string{"sources.vault.auth.token_file"}},
		{"a pod without a role", "auth: {method: kubernetes}", []string{"sources.vault.auth.role"}},
		{"a user without a password", "auth: {method: userpass, username: u}", []string{"sources.vault.auth.password_file"}},
		{"a user's name that is a path", "auth: {method: userpass, username: a/b, password_file: /p}", []string{"sources.vault.auth.username", "slash"}},
		{"a password", "auth: {method: userpass, username: u, password: hunter22}", []string{"sources.vault.auth.password", "password_file"}},
		{"a JWT in the config", "auth: {method: jwt, jwt: hunter22}", []string{"sources.vault.auth.jwt", "token_file"}},
		{"wrapping without a file", "auth: {method: approle, role_id: r, secret_id_wrapped: true}", []string{"sources.vault.auth.secret_id_file"}},
		{"wrapping for another method", "auth: {method: userpass, username: u, password_file: /p, secret_id_wrapped: true}", []string{"auth.secret_id_wrapped", "userpass"}},
		{"a role that the method does not have", "auth: {method: token, token_file: /t, role: r}", []string{"sources.vault.auth.role"}},
		{"fields without a method", "{environment: true, auth: {role: r}}", []string{"sources.vault.auth.method"}},
		{"a token without its file", "auth: {method: token}", []string{"sources.vault.auth.token_file"}},
		{"fields of the other method", "auth: {method: token, token_file: /t, role_id: r, mount: m}", []string{"auth.role_id", "auth.mount"}},
		{"fields of the other method, again", "auth: {method: approle, role_id: r, token_file: /t}", []string{"auth.token_file"}},
		{"AppRole without a role", "auth: {method: approle}", []string{"sources.vault.auth.role_id_file"}},
		{"two role ids", "auth: {method: approle, role_id: r, role_id_file: /r}", []string{"sources.vault.auth.role_id"}},
		{"a mount that leaves the path", "auth: {method: approle, role_id: r, mount: ../sys}", []string{"sources.vault.auth.mount"}},
		{"every fault at once", "{address: x, timeout: 0s, auth: {method: no}}", []string{"vault.address", "vault.timeout", "vault.auth.method"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			node, err := config.Parse("livekey.yaml", "sources.vault", test.text)
			if err != nil {
				t.Fatal(err)
			}
			_, err = vault.FromConfig(sources.Env{Name: "vault"}, node)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("err = %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q in it", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("err = %v quotes a secret", err)
			}
		})
	}
}

func TestConstructorDoesNoIO(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	open(t, "{environment: true, address: 'http://%s', ca_file: /nonexistent/ca.pem, auth: {method: token, token_file: /nonexistent/token}}", l.Addr())
	if err := l.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if c, err := l.Accept(); err == nil {
		_ = c.Close()
		t.Error("the constructor connected")
	}
}

func TestLint(t *testing.T) {
	src := open(t, "auth: {method: token, token_file: /t}").(sources.Linter)
	for _, test := range []struct {
		rule, path, params string
		version            key.Version
		want               string
	}{
		{"a mount and a secret", "secret/prod/llm", "", "", ""},
		{"a secret at the top of its mount", "secret/llm", "", "", ""},
		{"characters that a URL escapes", "secret/a b/ü%#?&", "", "", ""},
		{"a number is a version", "secret/a", "", "7", ""},
		{"a mount with a slash", "llm", "mount=team/kv", "", ""},
		{"a format", "secret/a", "format=json", "", ""},
		{"a version of the engine", "secret/a", "kv=1", "", ""},
		{"a namespace", "secret/a", "namespace=team/a", "", ""},
		{"a version of the engine that is none", "secret/a", "kv=3", "", "kv must be 1 or 2"},
		{"a version of a secret in an engine without", "secret/a", "kv=1", "7", "keeps no versions"},
		{"a namespace that is none", "secret/a", "namespace=team//a", "", "namespace: an empty name"},
		{"a mount alone", "secret", "", "", "a mount and a secret"},
		{"a mount and a slash", "secret/", "", "", "a mount and a secret"},
		{"no path", "", "", "", "a mount and a secret"},
		{"no path behind mount=", "", "mount=secret", "", "empty name"},
		{"an empty mount", "a", "mount=", "", "empty name"},
		{"a leading slash", "/secret/a", "", "", "empty name"},
		{"a trailing slash", "secret/a/", "", "", "empty name"},
		{"two slashes", "secret/a//b", "", "", "empty name"},
		{"a way out of the mount", "secret/../sys/seal", "", "", ". or .."},
		{"a control character", "secret/a\nb", "", "", "control character"},
		{"a version that is no number", "secret/a", "", "latest", "version must be a number"},
		{"version zero", "secret/a", "", "0", "version must be a number"},
		{"a version with a sign", "secret/a", "", "+7", "version must be a number"},
		{"the mount said twice", "team/kv/llm", "mount=team/kv", "", "write llm"},
		{"an unknown parameter", "secret/a", "stage=AWSPENDING", "", `"stage"`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			loc := key.Location{Source: "vault", Path: test.path, Params: test.params, Version: test.version}
			err := src.Lint(key.Ref{Location: loc})
			if (err == nil) != (test.want == "") {
				t.Fatalf("err = %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q in it", err, test.want)
			}
		})
	}
}

// TestBadLocationIsNeverAsked: what lint refuses is not sent either.
func TestBadLocationIsNeverAsked(t *testing.T) {
	v := newFake(t)
	_, err := openWithToken(t, v).Fetch(t.Context(), at("secret/../sys/seal"))
	if err == nil || v.Requests("") != 0 {
		t.Errorf("err = %v, and Vault saw %d requests", err, v.Requests(""))
	}
}

func TestPathReachesVaultAsWritten(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		const path = "team a/ü+&=llm"
		v.Put("secret", "x", nil)
		src := openWithToken(t, v)
		_, err := src.Fetch(t.Context(), at("secret/"+path))
		if err == nil || v.Requests("secret/data/"+path) != 1 {
			t.Errorf("err = %v; %d requests for %s", err, v.Requests("secret/data/"+path), path)
		}
	})
}

func TestEverySourceOfThePageIsGood(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "../../docs/vault.md"), -1)
	if len(blocks) < 8 {
		t.Fatalf("%d sources found", len(blocks))
	}
	for _, b := range blocks {
		open(t, "%s", b[1])
	}
}

func TestReferenceShowsASourceThatIsGood(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "../../configs/reference.yaml"), "    kind: vault")
	_, text, _ = strings.Cut(text, "\n")
	text = text[:regexp.MustCompile(`\n  [a-z]`).FindStringIndex(text)[0]+1] // the next source
	open(t, "%s", text)
	for _, field := range []string{
		"address", "namespace", "kv", "ca_file", "server_name", "client_cert_file", "client_key_file", "timeout", "environment",
		"method", "mount", "renew", "role", "role_id_file", "secret_id_file", "secret_id_wrapped", "token_file", "username", "password_file",
	} {
		if !strings.Contains(text, " "+field+":") {
			t.Errorf("configs/reference.yaml does not show %s", field)
		}
	}
}
