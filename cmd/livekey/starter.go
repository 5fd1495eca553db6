package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/livekey/livekey/internal/config"
)

// starterText is what `config init` writes. DIR and RUN are replaced.
const starterText = `# livekey: which keys to take from where, and who reads them.
# Every field with its default: configs/reference.yaml. Check this file with
#   livekey config check --config FILE
# A key is never written here, only where it is.

keys:
  ANTHROPIC_API_KEY:                 # also the variable that an app sees
    # A file with the key alone, readable for whoever runs livekey. In bash:
    #   umask 077; mkdir -p DIR/keys.d; read -rs k
    #   printf %s "$k" > DIR/keys.d/ANTHROPIC_API_KEY
    from: file://DIR/keys.d/ANTHROPIC_API_KEY
    # from: env://ANTHROPIC_API_KEY              # livekey's own environment
    # from: vault://secret/prod/llm#anthropic    # mount, path, field
    provider: anthropic              # livekey providers lists all; or none
    # optional: true                 # nobody waits for it

  # OPENAI_API_KEY:
  #   from: file://DIR/keys.d/OPENAI_API_KEY
  #   provider: openai

# sources:
#   vault:
#     address: https://vault.internal:8200
#     auth:
#       method: approle
#       role_id_file: DIR/role-id
#       secret_id_file: DIR/secret-id

sinks:
  app:                               # what an app reads: KEY=value
    kind: env_file
    path: RUN/sinks/app/app.env
    dialect: systemd                 # or docker, dotenv, shell: who reads
    keys: all                        # or a list: [ANTHROPIC_API_KEY]
  # files:                           # one file per variable
  #   kind: directory
  #   path: RUN/sinks/files
  #   require_tmpfs: true
  #   keys: all

# alerts:                            # beside the log
#   ops:
#     kind: webhook
#     url: https://hooks.internal/livekey
#     secret_file: DIR/hook-secret

# policy:
#   probe: 10m                       # how often a delivered key is proved again
#   grace: 24h                       # how long the one before may stay valid
`

// starter is a first config for one that stands in dir.
func starter(dir string) string {
	return strings.NewReplacer("DIR", dir, "RUN", runFolder()).Replace(starterText)
}

// runFolder is where livekey may write what it delivers.
func runFolder() string {
	if os.Geteuid() == 0 {
		return "/run/livekey"
	}
	return filepath.Dir(config.Default(false).Socket)
}
