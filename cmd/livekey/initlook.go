package main

import (
	"bufio"
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// sight is what `config init` sees of a machine: names, places and addresses.
type sight struct {
	finds []find
	vault vaultSight
	aws   awsSight
}

// find is a place that has variables of known providers.
type find struct {
	surroundings
	service string // whose EnvironmentFile= it is
	keys    []subjectKey
}

type vaultSight struct {
	address, namespace, caFile string
	tokenFile                  string // "" if there is none
	token                      bool   // a variable has one
}

type awsSight struct{ region, profile string }

// maxUnit is the size in bytes of the largest unit file, or env file, that is looked at.
const maxUnit = 1 << 20

// look goes through the env files of services, those in dir, and the environment.
func look(dir string) sight {
	var s sight
	seen := map[string]bool{}
	see := func(path, service string) {
		if seen[path] || !readable(path) {
			return
		}
		seen[path] = true
		if in, err := inEnvFile(path, nil); err == nil {
			s.add(in, service)
		}
	}
	for _, f := range environmentFiles(unitFolders()) {
		see(f.path, f.service)
	}
	for _, pattern := range []string{".env", ".env.*", "*.env"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is good, unless dir has a [
		for _, path := range found {
			see(path, "")
		}
	}
	s.add(inEnvironment("environment"), "")
	first := func(names ...string) string {
		for _, name := range names {
			if text := os.Getenv(name); text != "" {
				return text
			}
		}
		return ""
	}
	s.vault = vaultSight{
		address: first("BAO_ADDR", "VAULT_ADDR"), namespace: first("BAO_NAMESPACE", "VAULT_NAMESPACE"), caFile: first("BAO_CACERT", "VAULT_CACERT"),
		token: first("BAO_TOKEN", "VAULT_TOKEN") != "",
	}
	if home, err := os.UserHomeDir(); err == nil && readable(filepath.Join(home, ".vault-token")) {
		s.vault.tokenFile = filepath.Join(home, ".vault-token")
	}
	s.aws = awsSight{region: first("AWS_REGION", "AWS_DEFAULT_REGION"), profile: os.Getenv("AWS_PROFILE")}
	return s
}

// add takes the keys of known providers that a place has, as far as their issuers can be asked.
func (s *sight) add(in surroundings, service string) {
	f := find{surroundings: in, service: service}
	for _, variable := range in.names {
		if !knownVariable(variable) || s.has(variable) {
			continue
		}
		k, complete, err := in.together(variable)
		if complete && err == nil && !slices.ContainsFunc(f.keys, func(other subjectKey) bool { return other.name == k.name }) {
			f.keys = append(f.keys, k)
		}
	}
	if len(f.keys) > 0 {
		s.finds = append(s.finds, f)
	}
}

// has says whether a key of that variable was found already.
func (s *sight) has(variable string) bool {
	_, _, found := s.key(variable)
	return found
}

// key is the one that has variable, and where it is.
func (s *sight) key(variable string) (subjectKey, find, bool) {
	for _, f := range s.finds {
		for _, k := range f.keys {
			if _, ok := k.env[variable]; ok {
				return k, f, true
			}
		}
	}
	return subjectKey{}, find{}, false
}

// variables are those of all keys that were found.
func (f find) variables() []string {
	var all []string
	for _, k := range f.keys {
		all = append(all, sortedVariables(k)...)
	}
	return all
}

func sortedVariables(k subjectKey) []string {
	var all []string
	for variable := range k.env {
		all = append(all, variable)
	}
	slices.Sort(all)
	return all
}

// readable says whether path is a file of moderate size: nothing that could block.
func readable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() <= maxUnit
}

// unitFolders are where services are described, the more important first.
func unitFolders() []string {
	all := []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"}
	if own, err := os.UserConfigDir(); err == nil {
		all = append([]string{filepath.Join(own, "systemd/user")}, all...)
	}
	return all
}

type environmentFile struct{ service, path string }

// environmentFiles are the env files that services and their drop-ins name.
func environmentFiles(folders []string) []environmentFile {
	var all []environmentFile
	for _, folder := range folders {
		for _, pattern := range []string{"*.service", "*.service.d/*.conf"} {
			units, _ := filepath.Glob(filepath.Join(folder, pattern)) // the patterns are good
			for _, unit := range units {
				service := filepath.Base(unit)
				if dir := filepath.Base(filepath.Dir(unit)); strings.HasSuffix(dir, ".d") {
					service = strings.TrimSuffix(dir, ".d")
				}
				for _, path := range environmentFilesOf(unit) {
					all = append(all, environmentFile{service, path})
				}
			}
		}
	}
	return all
}

// environmentFilesOf reads EnvironmentFile= of one unit file. What has to be expanded, and
// what livekey delivers itself, is left out.
func environmentFilesOf(unit string) []string {
	if !readable(unit) {
		return nil
	}
	text, err := os.ReadFile(unit)
	if err != nil {
		return nil
	}
	var all []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		setting, path, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		path = strings.TrimPrefix(strings.TrimSpace(path), "-")
		if strings.TrimSpace(setting) == "EnvironmentFile" && filepath.IsAbs(path) && !strings.ContainsAny(path, "%*?[") && !strings.HasPrefix(path, "/run/livekey/") {
			all = append(all, path)
		}
	}
	return all
}

// elsewhere are the keys of variables that all are at one place, or why they are not whole.
func elsewhere(variables []string, ref func(variable string) key.Ref) ([]subjectKey, error) {
	in := surroundings{names: variables, lookup: func(string) string { return "" }, ref: ref}
	var keys []subjectKey
	for _, variable := range variables {
		k, complete, err := in.together(variable)
		if !complete {
			return nil, misused("%s is only a part of a key: name the variables of its other parts too; `livekey providers` lists them", variable)
		}
		if err != nil {
			return nil, misused("%s: %w", variable, err)
		}
		if !slices.ContainsFunc(keys, func(other subjectKey) bool { return other.name == k.name }) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b subjectKey) int { return cmp.Compare(a.name, b.name) })
	return keys, nil
}
