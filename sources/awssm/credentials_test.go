package awssm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/sources/awssm"
)

// file writes one that the SDK reads, and says where it is.
func file(t *testing.T, variable, content string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(t.TempDir(), "file")
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func profile(name string, p fakeaws.Pair) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", name, p.AccessKey, p.SecretKey)
}

func TestEveryLinkOfTheChainIsUsedAndTold(t *testing.T) {
	for _, test := range []struct {
		rule, link string
		arrange    func(w *world) (settings []string)
	}{
		{"environment variables", "environment variables", func(w *world) []string { w.login(w.user); return nil }},
		{"the default profile", "profile in ", func(w *world) []string {
			file(w.t, "AWS_SHARED_CREDENTIALS_FILE", profile("default", w.user))
			return nil
		}},
		{"a profile of the environment", "profile in ", func(w *world) []string {
			file(w.t, "AWS_SHARED_CREDENTIALS_FILE", profile("team", w.user))
			w.t.Setenv("AWS_PROFILE", "team")
			return nil
		}},
		{"a profile of the config, before the environment's keys", "profile in ", func(w *world) []string {
			file(w.t, "AWS_SHARED_CREDENTIALS_FILE", profile("team", w.user))
			w.login(fakeaws.Pair{AccessKey: "AKIAWRONG", SecretKey: "x"})
			return []string{"profile: team"}
		}},
		{"a web identity", "web identity", func(w *world) []string {
			role := w.NewRole("pod", "")
			w.Trust("header.body.signature", role)
			w.t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(w.t, "", "header.body.signature"))
			w.t.Setenv("AWS_ROLE_ARN", role)
			return nil
		}},
		{"a container's endpoint", "container endpoint", func(w *world) []string {
			p := w.NewSession("task")
			agent := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "the pod's" {
					rw.WriteHeader(http.StatusUnauthorized)
					return
				}
				_ = json.NewEncoder(rw).Encode(map[string]any{
					"AccessKeyId": p.AccessKey, "SecretAccessKey": p.SecretKey, "Token": p.SessionToken, "Expiration": time.Now().Add(time.Hour),
				})
			}))
			w.t.Cleanup(agent.Close)
			w.t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.URL+"/v1/credentials")
			w.t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file(w.t, "", "the pod's"))
			return nil
		}},
		{"the instance's role", "EC2 instance role", func(w *world) []string {
			p := w.NewSession("instance")
			metadata := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPut:
					rw.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
					_, _ = rw.Write([]byte("session"))
				case strings.HasSuffix(r.URL.Path, "/app"):
					_ = json.NewEncoder(rw).Encode(map[string]any{
						"Code": "Success", "AccessKeyId": p.AccessKey, "SecretAccessKey": p.SecretKey, "Token": p.SessionToken, "Expiration": time.Now().Add(time.Hour),
					})
				default:
					_, _ = rw.Write([]byte("app"))
				}
			}))
			w.t.Cleanup(metadata.Close)
			w.t.Setenv("AWS_EC2_METADATA_DISABLED", "")
			w.t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
			return nil
		}},
		{"a process", "credential_process", func(w *world) []string {
			out := fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.user.AccessKey, w.user.SecretKey)
			file(w.t, "AWS_CONFIG_FILE", "[default]\ncredential_process = cat "+file(w.t, "", out)+"\n")
			return nil
		}},
		{"a role, assumed with what the chain finds", "assumed role", func(w *world) []string {
			w.login(w.user)
			return []string{"role_arn: " + w.NewRole("reader", "ext-1"), "external_id: ext-1"}
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld(t)
			w.login(fakeaws.Pair{})
			w.Put("app", fakeaws.Text("x"))
			src := w.open(test.arrange(w)...)
			for range 3 {
				if got := w.read(src, at("app")); got != "x" {
					t.Errorf("read %q", got)
				}
			}
			log := w.log.String()
			if strings.Count(log, "link=\""+test.link)+strings.Count(log, "link="+test.link) != 1 {
				t.Errorf("the link %q is not told once:\n%s", test.link, log)
			}
			for _, value := range []string{w.user.SecretKey, w.user.AccessKey} {
				if strings.Contains(log, value) {
					t.Error("the log has a key inside")
				}
			}
		})
	}
}

func TestWithoutCredentialsTheErrorSaysSo(t *testing.T) {
	w := newWorld(t)
	w.login(fakeaws.Pair{})
	if err := w.failure(w.open(), at("app"), "find AWS credentials", "neither the environment"); !errors.Is(err, awssm.ErrCredentials) {
		t.Errorf("err = %v", err)
	}
	if err := w.failure(w.open("profile: nobody"), at("app"), "AWS_PROFILE", "~/.aws/config"); !errors.Is(err, awssm.ErrCredentials) {
		t.Errorf("err = %v", err)
	}
}

func TestARoleThatMayNotBeAssumed(t *testing.T) {
	w := newWorld(t)
	role := w.NewRole("reader", "ext-1")
	err := w.failure(w.open("role_arn: "+role), at("app"), "assume role "+role, "trust policy", "sts:AssumeRole")
	if !errors.Is(err, awssm.ErrDenied) || !errors.Is(err, awssm.ErrCredentials) {
		t.Errorf("err = %v", err)
	}
}

func TestAsWhomLivekeyAskedIsSaid(t *testing.T) {
	w := newWorld(t)
	role := w.NewRole("reader", "")
	w.Put("app", fakeaws.Text("x"))
	w.Deny("secretsmanager:GetSecretValue", "")
	w.fails(w.open("role_arn: "+role), at("app"), role+" lacks secretsmanager:GetSecretValue on app")
}

// The environment may not lead livekey's own credentials, or a key's reader, to a host
// of its choice.
func TestTheEnvironmentNamesNoHost(t *testing.T) {
	w := newWorld(t)
	w.Put("app", fakeaws.Text("x"))
	role := w.NewRole("reader", "")
	w.Trust("header.body.signature", role)
	var seen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(other.Close)
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_STS"} {
		t.Setenv(name, other.URL)
	}
	if got := w.read(w.open("role_arn: "+role), at("app")); got != "x" {
		t.Errorf("read %q", got)
	}
	if seen.Load() != 0 {
		t.Error("the host of the environment was asked")
	}

	t.Setenv("AWS_ENDPOINT_URL_STS", "https://sts.attacker.example")
	w.login(fakeaws.Pair{})
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(t, "", "header.body.signature"))
	t.Setenv("AWS_ROLE_ARN", role)
	src := w.openAt(fmt.Sprintf("{region: %s, endpoint: %q}", region, w.url)) // no sts_endpoint
	if err := w.failure(src, at("app"), "sts.attacker.example", "AWS_ENDPOINT_URL"); !errors.Is(err, awssm.ErrCredentials) {
		t.Errorf("err = %v", err)
	}
}

func TestABundleOfTheEnvironmentIsNoRiddle(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_CA_BUNDLE", "/etc/ssl/certs/other.pem")
	w.fails(w.open(), at("app"), "AWS_CA_BUNDLE", "ca_file")
}

func TestTheRegionMayComeFromTheEnvironment(t *testing.T) {
	w := newWorld(t)
	w.Put("app", fakeaws.Text("x"))
	src := w.openAt(fmt.Sprintf("{endpoint: %q}", w.url))
	if err := w.failure(src, at("app"), "region:", "AWS_REGION"); !errors.Is(err, awssm.ErrRegion) {
		t.Errorf("err = %v", err)
	}
	t.Setenv("AWS_REGION", "evil.example/")
	w.fails(src, at("app"), "must be the name of a region")
	t.Setenv("AWS_REGION", region)
	if got := w.read(src, at("app")); got != "x" {
		t.Errorf("read %q", got)
	}
	w.fails(src, at("arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf"), "us-east-1", region)
}

// The SDK reads its files once. Who puts new keys there should not have to restart livekey.
func TestRefusedCredentialsAreReadAnew(t *testing.T) {
	w := newWorld(t)
	w.Put("app", fakeaws.Text("x"))
	w.login(fakeaws.Pair{})
	file(t, "AWS_SHARED_CREDENTIALS_FILE", profile("default", w.user))
	src := w.open()
	w.read(src, at("app"))

	fresh := w.NewKeys(w.user)
	w.Deactivate(w.user)
	file(t, "AWS_SHARED_CREDENTIALS_FILE", profile("default", fresh))
	w.fails(src, at("app"), "does not accept those of profile in")
	w.fails(src, at("app"), "does not accept those of profile in") // files are not read at each refusal
	awssm.Age(src, 10*time.Second)
	w.fails(src, at("app"), "does not accept those of profile in")
	if got := w.read(src, at("app")); got != "x" {
		t.Errorf("read %q", got)
	}
}
