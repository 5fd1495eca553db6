package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Names in the drill's folder.
const (
	configName = "livekey.yaml"
	logName    = "daemon.log"
	sourceDir  = "source"
	sinkDir    = "sinks"
)

// The two keys of the drill: accidents happen to the first, the second goes on.
const (
	mainKey  = "ANTHROPIC_API_KEY"
	otherKey = "TEAM_API_KEY"
)

// configText is a config as a user writes it, with the intervals of a drill. They
// are allowed because the issuer is on loopback.
var configText = template.Must(template.New("").Parse(`# The drill's own config: a folder of files, two keys, two sinks.
keys:
  ` + mainKey + `:
    from: file://{{.Dir}}/` + sourceDir + `/` + mainKey + `
    provider: anthropic
    base_url: {{.Issuer}}
  ` + otherKey + `:
    from: file://{{.Dir}}/` + sourceDir + `/` + otherKey + `
    provider: anthropic
    base_url: {{.Issuer}}
sinks:
  app:
    kind: env_file
    path: {{.Dir}}/` + sinkDir + `/app/app.env
    dialect: systemd
    complete: true
    keys: [` + mainKey + `, ` + otherKey + `]
  files:
    kind: directory
    path: {{.Dir}}/` + sinkDir + `/files
    require_tmpfs: {{.Memory}}
    complete: true
    keys: [` + mainKey + `, ` + otherKey + `]
alerts:
  ops: {kind: webhook, url: "{{.Hook}}", secret_file: {{.Dir}}/hook-secret}
policy:
  refresh: 200ms
  probe: 200ms
  confirm: {times: 3, over: 1s}
  budget: 100000
startup_wait: 5s
state_dir: {{.Dir}}/state
socket: {{.Dir}}/livekey.sock
log: {level: debug, format: json}
`))

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
	for _, name := range []string{"home", "state", sourceDir, sinkDir, sinkDir + "/app"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("lay out the drill's folder: %w", err)
		}
	}
	var config strings.Builder
	err := configText.Execute(&config, struct {
		Dir, Issuer, Hook string
		Memory            bool
	}{dir, issuer, hook, memoryBacked(dir)})
	if err != nil {
		return fmt.Errorf("write the drill's config: %w", err)
	}
	for name, content := range map[string]string{configName: config.String(), "hook-secret": hookSecret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("lay out the drill's folder: %w", err)
		}
	}
	return nil
}

// offer puts content into the source as careful programs do: written beside the
// name and renamed over it.
func offer(dir, name, content string) error {
	made := filepath.Join(dir, sourceDir, "."+name+".new")
	if err := os.WriteFile(made, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write source file %s: %w", name, err)
	}
	if err := os.Rename(made, filepath.Join(dir, sourceDir, name)); err != nil {
		return fmt.Errorf("write source file %s: %w", name, err)
	}
	return nil
}
