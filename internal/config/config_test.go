package config

import (
	"fmt"
	"testing"
)

var testKinds = Kinds{
	Sources:  []string{"env", "file", "vault"},
	Sinks:    []string{"directory", "env_file"},
	Channels: []string{"log", "webhook"},
}

func TestSmoke(t *testing.T) {
	c, err := Read("x.yaml", []byte(`
sources:
  vault:
    kind: vault
    address: https://vault.internal:8200
    auth: {method: approle, role_id_file: /etc/livekey/role-id, secret_id_file: /etc/livekey/secret-id}
keys:
  ANTHROPIC_API_KEY:
    from: vault://secret/prod/llm#anthropic
    provider: anthropic
    base_url: https://api.anthropic.com
    optional: false
    policy: {probe: 1m}
  aws-deployer:
    from: file:///x
    env: {AWS_ACCESS_KEY_ID: access_key, AWS_SECRET_ACCESS_KEY: secret_key}
sinks:
  app:
    kind: env_file
    path: /run/livekey/sinks/app/app.env
    mode: "0640"
    keys: all
`), testKinds)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Show(c)
	fmt.Println(string(out), err)
	_, err = Read("x.yaml", []byte(`
keyz: {}
keys:
  A: {from: "vaul://x", tokn: "x # y"} # canary
  b-c: {from: [x], trim: yes}
sinks:
  app: {kind: env_fil, keys: [a, B], token: "hunter22", path: foo}
`), testKinds)
	fmt.Println(err)
}
