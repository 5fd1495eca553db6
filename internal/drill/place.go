package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Names in the drill's folder.
const (
	configName = "livekey.yaml"
	logName    = "daemon.log"
	sourceDir  = "source"
	sinkDir    = "sinks"
	appDir     = "apps"
	pidName    = "reader.pid"
	socketName = "livekey.sock"
)

// The two keys of the drill: accidents happen to the first, the second goes on.
const (
	mainKey  = "ANTHROPIC_API_KEY"
	otherKey = "TEAM_API_KEY"
)

// configText is a config as a user writes it, with the intervals of a drill. They
// are allowed because the issuer is on loopback.
//
// Filled by a Replacer: text/template calls methods by name, and a binary that
// has it keeps every method of every type, a tenth of its size.
const configText = `# The drill's own config: a folder of files, two keys, two sinks.
keys:
  ` + mainKey + `:
    from: file://DIR/` + sourceDir + `/` + mainKey + `
    provider: anthropic
    base_url: ISSUER
    ` + nobodyDeclared + `
  ` + otherKey + `:
    from: file://DIR/` + sourceDir + `/` + otherKey + `
    provider: anthropic
    base_url: ISSUER
sinks:
  app:
    kind: env_file
    path: DIR/` + sinkDir + `/app/app.env
    dialect: systemd
    complete: true
    keys: [` + mainKey + `, ` + otherKey + `]
    on_change: {signal: HUP, pid_file: DIR/` + pidName + `, wait: {min: 50ms, max: 200ms}, settle: 50ms}
  files:
    kind: directory
    path: DIR/` + sinkDir + `/files
    require_tmpfs: MEMORY
    complete: true
    keys: [` + mainKey + `, ` + otherKey + `]
alerts:
  ops: {kind: webhook, url: "HOOK", secret_file: DIR/hook-secret}
policy:
  refresh: 200ms
  probe: 200ms
  confirm: {times: 3, over: 1s}
  budget: 100000
startup_wait: 5s
state_dir: DIR/state
socket: DIR/` + socketName + `
log: {level: debug, format: json}
`

// nobodyDeclared is the line of the config in which the consumers are declared, once it is
// known who they are.
const nobodyDeclared = "consumers: []"

// makeDir makes the drill's folder, in memory where that is possible.
func makeDir() (string, error) {
	var err error
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", os.TempDir()} {
		if parent == "" {
			continue
		}
		var dir string
		if dir, err = os.MkdirTemp(parent, "livekey-drill-"); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("make the drill's folder: %w", err)
}

// fill lays out dir: folders, config, the webhook's secret.
func fill(dir, issuer, hook, hookSecret string) error {
	for _, name := range []string{"home", "state", sourceDir, sinkDir, sinkDir + "/app", appDir} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("lay out the drill's folder: %w", err)
		}
	}
	config := strings.NewReplacer("DIR", dir, "ISSUER", issuer, "HOOK", hook, "MEMORY", strconv.FormatBool(memoryBacked(dir))).Replace(configText)
	for name, content := range map[string]string{configName: config, "hook-secret": hookSecret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("lay out the drill's folder: %w", err)
		}
	}
	return nil
}

// declare writes into the config who the consumers are.
func declare(dir string, consumers []string) error {
	config, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return fmt.Errorf("declare consumers: %w", err)
	}
	said := `consumers: ["` + strings.Join(consumers, `", "`) + `"]`
	return replace(dir, configName, strings.Replace(string(config), nobodyDeclared, said, 1))
}

// offer puts content into the source.
func offer(dir, name, content string) error {
	return replace(filepath.Join(dir, sourceDir), name, content)
}

// replace writes a file as careful programs do: beside the name, and renamed over it.
func replace(dir, name, content string) error {
	made := filepath.Join(dir, "."+name+".new")
	if err := os.WriteFile(made, []byte(content), 0o600); err != nil { // #nosec G703 -- in the drill's own folder
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(made, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
