package chart

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/test/need"
)

// The rules are tried by Prometheus' own promtool: as the file that hosts use, and as the chart installs them.
func TestTheRulesFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	need.All(t, "the alerts of Prometheus", need.Program("promtool"))
	installed := asJSON(t, only(t, render(t, "--values", ci("cluster")), "PrometheusRule")["spec"])
	cases := read(t, "testdata/rules.yaml")
	// The chart misses livekey in its own namespace, the file anywhere.
	const anywhere, here = "exp_labels: {severity: critical}\n", "exp_labels: {severity: critical, namespace: livekey, service: livekey}\n"
	for rules, cases := range map[string]string{
		read(t, filepath.Join(chartDir, "files/rules.yaml")): cases,
		installed: strings.ReplaceAll(cases, anywhere, here),
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "rules.yaml"), rules)
		writeFile(t, filepath.Join(dir, "cases.yaml"), cases)
		run(t, true, "promtool", "check", "rules", filepath.Join(dir, "rules.yaml"))
		run(t, true, "promtool", "test", "rules", filepath.Join(dir, "cases.yaml"))
	}
}

// Each rule has a case in which it fires, and one in which it does not.
func TestEveryRuleHasItsCases(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations struct {
					Runbook string `yaml:"runbook_url"`
				}
			}
		}
	}
	var cases struct {
		Tests []struct {
			Alerts []struct {
				Name  string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for file, into := range map[string]any{filepath.Join(chartDir, "files/rules.yaml"): &rules, "testdata/rules.yaml": &cases} {
		if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
			t.Fatal(err)
		}
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range cases.Tests {
		for _, a := range test.Alerts {
			if len(a.Fires) > 0 {
				fires[a.Name] = true
			} else {
				rests[a.Name] = true
			}
		}
	}
	metrics, runbook := read(t, "../../docs/metrics.md"), read(t, "../../docs/runbook.md")
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !rests[r.Alert] {
				t.Errorf("%s fires in a case: %t; rests in one: %t", r.Alert, fires[r.Alert], rests[r.Alert])
			}
			delete(fires, r.Alert)
			if !strings.Contains(metrics, "| `"+r.Alert+"` |") {
				t.Errorf("docs/metrics.md does not say when %s fires", r.Alert)
			}
			page, section, _ := strings.Cut(r.Annotations.Runbook, "#")
			if !strings.HasSuffix(page, "/docs/runbook.md") || !strings.Contains(runbook, "\n## "+section+"\n") {
				t.Errorf("%s leads to %s, which is no section of docs/runbook.md", r.Alert, r.Annotations.Runbook)
			}
		}
	}
	if len(fires) > 0 {
		t.Errorf("cases of no rule: %v", slices.Sorted(maps.Keys(fires)))
	}
}
