package e2e

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/internal/key"
)

const awsConfig = `
sources:
  aws: {kind: awssm, region: us-east-1, endpoint: $AWS}
keys:
  deployer:
    from: aws://prod/deployer
    provider: aws
    base_url: $AWS
    env: {AWS_ACCESS_KEY_ID: access_key, AWS_SECRET_ACCESS_KEY: secret_key}
  LLM: {from: "aws://prod/llm#key", provider: anthropic, base_url: $ISSUER}
`

// An account is a fake AWS: livekey reads secrets there as one user, and proves the
// pairs of another.
type account struct {
	*world
	aws    *fakeaws.Server
	app    fakeaws.Pair // the user whose pairs rotate
	llm    string
	canary *canary
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{world: newWorld(t), aws: fakeaws.New("us-east-1"), canary: newCanary()}
	url, stop, err := a.aws.Start()
	must(t, err)
	t.Cleanup(stop)
	a.vars["AWS"] = url
	own := a.aws.NewUser("livekey")
	a.canary.add("livekey's own secret key", own.SecretKey)
	a.environ = append(a.environ, "AWS_ACCESS_KEY_ID="+own.AccessKey, "AWS_SECRET_ACCESS_KEY="+own.SecretKey, "AWS_EC2_METADATA_DISABLED=true")
	a.app = a.aws.NewUser("deployer")
	a.llm = a.newKey()
	a.aws.Put("prod/llm", fakeaws.Text(fmt.Sprintf(`{"key":%q}`, a.llm)))
	a.configure(awsConfig + twoSinks)
	return a
}

// store makes a version of the pair, with labels.
func (a *account) store(p fakeaws.Pair, labels ...string) (version string) {
	a.canary.add("a secret key", p.SecretKey)
	return a.aws.Put("prod/deployer", fakeaws.Text(fmt.Sprintf(`{"access_key":%q,"secret_key":%q}`, p.AccessKey, p.SecretKey)), labels...)
}

func (a *account) want(p fakeaws.Pair) func() error {
	return a.holds(map[string]string{"AWS_ACCESS_KEY_ID": p.AccessKey, "AWS_SECRET_ACCESS_KEY": p.SecretKey, "LLM": a.llm})
}

// watch reads both sinks as fast as it can, until the end of the test, and wants a
// secret key always beside the access key that it belongs to.
func (a *account) watch(pairs ...fakeaws.Pair) (stop func()) {
	secretOf := map[string]string{}
	for _, p := range pairs {
		secretOf[p.AccessKey] = p.SecretKey
	}
	end := make(chan struct{})
	var readers sync.WaitGroup
	for sink, read := range map[string]func() (map[string]string, error){
		"env file":  func() (map[string]string, error) { return readEnv(a.path("sinks/app/app.env")) },
		"directory": func() (map[string]string, error) { return readDirectory(a.path("sinks/files")) },
	} {
		readers.Go(func() {
			for reads := 0; ; reads++ {
				select {
				case <-end:
					if reads == 0 {
						a.t.Errorf("%s: nobody read it", sink)
					}
					return
				default:
				}
				got, err := read()
				if errors.Is(err, os.ErrNotExist) {
					continue // not written yet
				}
				id := got["AWS_ACCESS_KEY_ID"]
				if err != nil || id != "" && got["AWS_SECRET_ACCESS_KEY"] != secretOf[id] {
					a.t.Errorf("%s: a reader saw a mix, or %v", sink, err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() { close(end); readers.Wait() })
}

// A rotation in Secrets Manager, followed from its first step to its last. What is pending
// is nobody's; a pair is proved and delivered as one.
func TestARotationInSecretsManager(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	first, second, third := a.app, a.aws.NewKeys(a.app), a.aws.NewKeys(a.app)
	stop := a.watch(first, second, third)
	defer stop()

	version := a.store(first)
	a.start()
	a.until("the first pair is delivered", patience, a.want(first))
	k := a.key("deployer")
	if string(k.Current.Version) != version || k.Current.Outcome != key.Live || k.Current.Identity["account"] != fakeaws.Account {
		t.Errorf("current is %s, %s, of %v; want version %s", k.Current.Version, k.Current.Outcome, k.Current.Identity, version)
	}

	asked := a.aws.Calls("secretsmanager:BatchGetSecretValue")
	a.store(second, fakeaws.Pending)
	a.throughout("what is pending is not delivered", time.Second, a.want(first))
	if n := a.aws.Calls("secretsmanager:BatchGetSecretValue"); n <= asked {
		t.Errorf("%d batches, %d before: both secrets are due together", n, asked)
	}
	a.aws.Promote("prod/deployer")
	a.until("the promoted pair is delivered", patience, a.want(second))

	a.store(fakeaws.Pair{AccessKey: third.AccessKey, SecretKey: second.SecretKey})
	a.awaitWebhook(alerts.Opened, key.CandidateRejected, "deployer")
	must(t, a.want(second)())
	a.store(third)
	a.until("the pair that belongs together is delivered", patience, a.want(third))
	a.awaitWebhook(alerts.Resolved, key.CandidateRejected, "deployer")

	stop()
	a.livekey("check")
	a.daemon.signal(syscall.SIGTERM)
	for _, o := range a.printed {
		for _, found := range a.canary.search(o.bytes) {
			t.Errorf("%s tells %s", o.where, found)
		}
	}
	for _, found := range a.canary.searchTree(t, a.dir, "sinks") {
		t.Errorf("on disk: %s", found)
	}
}

// Throttled, denied and unreachable: what is delivered stays, and it goes on by itself.
func TestSecretsManagerInTrouble(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	first, second := a.app, a.aws.NewKeys(a.app)
	a.store(first)
	a.aws.Deny("secretsmanager:BatchGetSecretValue", "")
	a.start()
	a.until("without the right to batches", patience, a.want(first))

	a.aws.Deny("secretsmanager:GetSecretValue", "prod/deployer")
	a.store(second)
	a.throughout("denied", time.Second, a.want(first))
	a.aws.AllowAll()
	a.until("allowed again", patience, a.want(second))
}
