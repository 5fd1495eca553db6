package doctor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// good is a key of the environment of which nothing is wrong.
func good() Evidence {
	return Evidence{
		Now: now, Key: "ANTHROPIC_API_KEY", Variable: "ANTHROPIC_API_KEY", Provider: anthropic, Issuer: "Anthropic",
		Place: Environment, At: "this environment", Set: true, Class: "API key", Hosts: []string{"https://api.anthropic.com"},
		Asked: true, Verdict: key.Verdict{Outcome: key.Live, Reason: key.Valid, HTTPStatus: 200},
	}
}

func with(change ...func(*Evidence)) Evidence {
	e := good()
	for _, f := range change {
		f(&e)
	}
	return e
}

func not(e *Evidence) { e.Set, e.Asked, e.Verdict, e.Class = false, false, key.Verdict{}, "" }

func faulty(name normalize.Name) func(*Evidence) {
	return func(e *Evidence) {
		e.Faults = append(e.Faults, normalize.Fault{Name: name, Part: key.DefaultPart, Detail: "is wrong"})
		e.Asked, e.Verdict = false, normalize.Faults(e.Faults).Verdict()
	}
}

func says(o key.Outcome, r key.Reason, which string) func(*Evidence) {
	return func(e *Evidence) {
		e.Verdict = key.Verdict{Outcome: o, Reason: r, Which: which, Detail: "what it said", HTTPStatus: 401, RequestID: "req_1"}
	}
}

func process(e *Evidence) {
	e.Place, e.At = Process, "process 4711 (python3)"
	e.Process = Running{PID: 4711, Command: "python3", Started: now.Add(-time.Hour), Unit: "app.service"}
}

// newVersion: the source has another version, which lives.
func newVersion(e *Evidence) {
	e.Held = Held{Compared: true, From: "vault://secret/llm", Verdict: key.Verdict{Outcome: key.Live, Reason: key.Valid}}
}

func unit(e *Evidence) { e.Unit = Unit{Name: "app.service", Asked: true} }

func exported(yes bool) func(*Evidence) {
	return func(e *Evidence) { e.Profile = []Assignment{{File: "/home/u/.bashrc", Line: 7, Exported: yes}} }
}

func actions(e *Evidence) { e.CI = CI{Name: GitHubActions, Why: "it runs for a pull request"} }

func around(settings ...string) func(*Evidence) {
	return func(e *Evidence) {
		e.Settings = Around(e.Variable, nil, e.Hosts, func(name string) string {
			for _, s := range settings {
				if n, v, _ := strings.Cut(s, "="); n == name {
					return v
				}
			}
			return ""
		})
	}
}

func exportedFile(e *Evidence) { e.Place, e.At, e.File = EnvFile, "/srv/app.env", "/srv/app.env" }

func envFile(e *Evidence) {
	e.Place, e.At, e.File = EnvFile, "/srv/app.sh", "/srv/app.sh"
	e.Shell = ReadShellFile(e.File, []byte("export A=1\nANTHROPIC_API_KEY=x\n"), e.Variable)
}

// Each row is one sight, and the cause that comes out first. seen has to be among what was
// seen, and command in the command that mends it.
var sights = []struct {
	rule          string
	e             Evidence
	first         Name
	certain       bool
	seen, command string
}{
	{"a variable that is nowhere is unset", with(not), Unset, true, "this environment has no ANTHROPIC_API_KEY", "export ANTHROPIC_API_KEY"},
	{"a profile that this shell has not read is named", with(not, exported(true)), Unset, true, ".bashrc line 7 exports it", ". /home/u/.bashrc"},
	{"a pair is named by what it lacks", with(not, func(e *Evidence) { e.Missing = []string{"B", "C"} }), Unset, true, "has no B, C", ""},
	{"a process without it", with(not, process), Unset, true, "started with", "systemctl restart app.service"},
	{"a source without it", with(not, func(e *Evidence) {
		e.Place, e.Held.From, e.SourceErr = Config, "vault://secret/llm", "not found"
	}), Unset, true, "vault://secret/llm gave nothing: not found", "livekey config check"},
	{"set in a profile without export", with(not, exported(false)), NotExported, true, ".bashrc line 7", "export ANTHROPIC_API_KEY"},
	{"set without export in a file for a shell", with(envFile), NotExported, true, "/srv/app.sh line 2", "set -a; . /srv/app.sh; set +a"},
	{"empty", with(func(e *Evidence) { e.Empty, e.Asked, e.Verdict = true, false, key.Verdict{} }), Empty, true, "nothing in it", ""},
	{"unset in a pipeline", with(not, actions), NotInjectedInCI, true, "GitHub Actions, and ANTHROPIC_API_KEY is not set; it runs for a pull request", "gh secret list"},
	{"empty in a pipeline", with(actions, func(e *Evidence) { e.Empty = true }), NotInjectedInCI, true, "is empty", "gh secret list"},
	{"in the shell's profile and not in the unit", with(not, exported(true), unit), NotInUnit, true, ".bashrc line 7 exports it, which systemd never reads", "systemctl edit app.service"},
	{"in this shell and not in the unit", with(unit), NotInUnit, true, "this shell has it", "systemctl edit"},
	{"a file of the unit that is not open is no proof", with(unit, func(e *Evidence) { e.Unit.Unread = []string{"/etc/app.env"} }), NotInUnit, false, "/etc/app.env may have it", ""},

	{"a trailing newline", with(faulty(normalize.TrailingNewline)), "trailing_newline", true, "APIConnectionError: Connection error.", "read -rs"},
	{"its symptom in Python", with(faulty(normalize.TrailingNewline)), "trailing_newline", true, "Illegal header value", ""},
	{"CRLF at the end is one fault", with(faulty(normalize.CRLF), faulty(normalize.TrailingNewline), faulty(normalize.Blanks)), "crlf", true, "print the key into the log", ""},
	{"blanks", with(faulty(normalize.Blanks)), "blanks", true, "Go clients cut blanks off", ""},
	{"a byte order mark", with(faulty(normalize.ByteOrderMark)), "bom", true, "", ""},
	{"quotes", with(faulty(normalize.Quotes)), "quotes", true, "docker --env-file", ""},
	{"a zero-width character", with(faulty(normalize.ZeroWidth)), "zero_width", true, "UnicodeEncodeError", ""},
	{"Bearer inside", with(faulty(normalize.BearerPrefix), faulty(normalize.InnerBlank)), "bearer_prefix", true, "Bearer Bearer", ""},
	{"export inside", with(faulty(normalize.ExportPrefix)), "export_prefix", true, "", ""},
	{"NAME= inside", with(faulty(normalize.NamePrefix)), "name_prefix", true, "", ""},
	{"an unexpanded variable", with(faulty(normalize.UnexpandedVariable)), "unexpanded_variable", true, "", ""},
	{"a placeholder", with(faulty(normalize.Placeholder)), "placeholder", true, "", ""},
	{"refused, and not of its shape", with(says(key.Dead, key.Invalid, ""), func(e *Evidence) { e.Misfit = true }), Truncated, true, "begins like a key of Anthropic (API key)", ""},
	{"not of its shape, and nobody asked", with(func(e *Evidence) { e.Misfit, e.Asked, e.Offline, e.Verdict = true, false, true, key.Verdict{} }), Truncated, false, "", ""},
	{"doubled", with(faulty(normalize.Doubled)), "doubled", true, "", ""},
	{"every other fault", with(faulty(normalize.InnerBlank)), "malformed", true, "inner_blank", ""},
	{"a fault that only the checker sees", with(says(key.Dead, key.Malformed, "")), "malformed", true, "what it said", ""},

	{"another issuer's key", with(faulty(normalize.ForeignPrefix)), OtherIssuer, true, "", ""},
	{"an admin key", with(func(e *Evidence) { e.Class = "Admin API key" }), WrongClass, true, "Admin API key", "read -rs"},
	{"an OAuth token", with(func(e *Evidence) { e.Class = "OAuth access token" }), WrongClass, true, "", "unset ANTHROPIC_API_KEY; read -rs ANTHROPIC_AUTH_TOKEN"},
	{"a refresh token", with(func(e *Evidence) { e.Class = "OAuth refresh token" }), WrongClass, true, "", ""},
	{"a refresh token under any name", with(func(e *Evidence) { e.Class, e.Variable = "OAuth refresh token", "TEAM" }), WrongClass, true, "", ""},
	{"Claude Code told to use Bedrock", with(around("CLAUDE_CODE_USE_BEDROCK=1")), CloudDeployment, true, "CLAUDE_CODE_USE_BEDROCK", "unset CLAUDE_CODE_USE_BEDROCK"},
	{"a base URL of Vertex", with(around("ANTHROPIC_BASE_URL=https://us-east5-aiplatform.googleapis.com/v1")), CloudDeployment, true, "(Vertex)", "unset ANTHROPIC_BASE_URL"},
	{"a base URL of Foundry", with(around("ANTHROPIC_BASE_URL=https://x.services.ai.azure.com/anthropic/")), CloudDeployment, true, "(Foundry)", ""},
	{"a cloud's own base URL is worth a look", with(around("ANTHROPIC_BEDROCK_BASE_URL=https://bedrock-runtime.us-east-1.amazonaws.com")), CloudDeployment, false, "", ""},
	{"both credentials of Anthropic", with(around("ANTHROPIC_AUTH_TOKEN=x")), TwoCredentials, true, "send both", "unset ANTHROPIC_AUTH_TOKEN"},
	{"a base URL elsewhere", with(around("ANTHROPIC_BASE_URL=http://user:CANARY@gateway.corp:8080/x")), BaseURLElsewhere, true, "gateway.corp:8080", "unset ANTHROPIC_BASE_URL"},
	{"a key under a name that nobody reads", with(not, around("CLAUDE_API_KEY=x")), HeaderMissing, true, "has CLAUDE_API_KEY", `export ANTHROPIC_API_KEY="$CLAUDE_API_KEY"`},
	{"the same, asked about by that name", with(func(e *Evidence) { e.Variable = "CLAUDE_API_KEY" }), HeaderMissing, false, "", ""},
	{"a header of the user's own", with(around("ANTHROPIC_CUSTOM_HEADERS=X-Api-Key: CANARY")), WrongHeader, true, "sets x-api-key", "unset ANTHROPIC_CUSTOM_HEADERS"},
	{"a credential in the wrong header", with(says(key.Unknown, key.WrongAuthMethod, ""), func(e *Evidence) { e.Request = "curl right" }), WrongHeader, true, "", "curl right"},
	{"another region", with(says(key.Unknown, key.Misconfigured, "")), RegionOrHost, true, "what it said", "livekey providers anthropic"},
	{"a part is missing that the call needs", with(says(key.Unknown, key.Misconfigured, ""), func(e *Evidence) { e.Verdict.HTTPStatus = 0 }), Misconfigured, true, "what it said", "livekey providers anthropic"},

	{"no credit", with(says(key.Live, key.Blocked, "no_credit")), NoCredit, true, "request req_1", "billing"},
	{"a spend cap", with(says(key.Live, key.Blocked, "spend_cap")), SpendCap, true, "", "limits"},
	{"a disabled organization", with(says(key.Live, key.Blocked, "org_disabled")), OrgDisabled, true, "", ""},
	{"no workspace", with(says(key.Live, key.Blocked, "needs_workspace")), NeedsWorkspace, true, "", ""},
	{"blocked in another way", with(says(key.Live, key.Blocked, "suspended")), Blocked, true, "", ""},
	{"a scope is missing", with(says(key.Live, key.LimitedScope, "")), MissingScope, false, "", ""},
	{"expired, says the issuer", with(says(key.Dead, key.Expired, "")), Expired, true, "", "xdg-open"},
	{"expired, says its date", with(func(e *Evidence) { e.Verdict.ExpiresAt = now.Add(-time.Hour) }), Expired, true, "2026-03-01T11:00:00Z", ""},
	{"revoked", with(says(key.Dead, key.Revoked, "")), Revoked, true, "", "xdg-open"},
	{"revoked, and the source has a new one", with(says(key.Dead, key.Revoked, ""), newVersion), Rotated, true, "vault://secret/llm", "livekey exec --key ANTHROPIC_API_KEY"},
	{"unknown, and the source has a new one", with(says(key.Dead, key.Invalid, ""), newVersion), Rotated, true, "", ""},
	{"expired, and the source has a new one", with(says(key.Dead, key.Expired, ""), newVersion), Rotated, true, "", ""},
	{"a process with an old version that no sink has replaced", with(process, newVersion), Rotated, true, "process 4711", "livekey refresh"},
	{"unknown", with(says(key.Dead, key.Invalid, "")), UnknownKey, true, "Anthropic answered 401", "xdg-open"},

	{"a portal answers", with(says(key.Unknown, key.Intercepted, "")), InBetween, true, "", "curl -sv"},
	{"refused without the issuer's mark", with(says(key.Unknown, key.Unauthenticated, ""), func(e *Evidence) { e.Road.CertIssuer = "Corp Root" }), InBetween, true, "signed by Corp Root", ""},
	{"a proxy opens TLS", with(says(key.Unknown, key.Transient, ""), func(e *Evidence) { e.Road = Road{Unverified: true, CertIssuer: "Corp Root"} }), InBetween, true, "signed by Corp Root", ""},
	{"a proxy that is only set", with(around("HTTPS_PROXY=http://u:CANARY@proxy.corp:3128")), InBetween, false, "proxy.corp:3128", "env -u https_proxy -u HTTPS_PROXY"},
	{"a wrong clock, and signed requests", with(says(key.Unknown, key.Misconfigured, ""), func(e *Evidence) { e.Signs, e.Road.Skew = true, -time.Hour }), ClockSkew, true, "1h0m0s behind", "timedatectl"},
	{"a wrong clock where nothing is signed", with(func(e *Evidence) { e.Road.Skew = time.Hour }), ClockSkew, false, "1h0m0s ahead", ""},
	{"a process with an old version, and the sink has the new one", with(process, newVersion, func(e *Evidence) { e.Held.Written = now.Add(-time.Minute) }), OldKeyCached, true, "2026-03-01T11:59:00Z", "systemctl restart app.service"},
	{"a process from before the sink was written, of which nobody could compare", with(process, func(e *Evidence) { e.Held.Written = now.Add(-time.Minute) }), OldKeyCached, true, "it runs since 2026-03-01T11:00:00Z", ""},
	{"a base URL elsewhere, of an env file or the shell", with(exportedFile, around("ANTHROPIC_BASE_URL=http://gateway.corp:8080")), BaseURLElsewhere, true, "", "unset ANTHROPIC_BASE_URL; ${EDITOR:-vi} /srv/app.env"},
	{"a base URL elsewhere, of a service", with(process, around("ANTHROPIC_BASE_URL=http://gateway.corp:8080")), BaseURLElsewhere, true, "", "systemctl edit app.service"},
	{"no answer for a key of an env file", with(exportedFile, says(key.Unknown, key.Transient, "")), Unanswered, true, "", "livekey check --env-file /srv/app.env ANTHROPIC_API_KEY"},
	{"an OAuth token in an env file", with(exportedFile, func(e *Evidence) { e.Class = "OAuth access token" }), WrongClass, true, "", "${EDITOR:-vi} /srv/app.env"},
	{"no answer", with(says(key.Unknown, key.Transient, "")), Unanswered, true, "", "livekey check"},
}

func TestEachSightHasItsCause(t *testing.T) {
	tried := map[Name]bool{}
	for _, s := range sights {
		tried[s.first] = true
		t.Run(s.rule, func(t *testing.T) {
			d := Diagnose(s.e)
			f, ok := d.First()
			if !ok || f.Cause != s.first || f.Certain != s.certain || !strings.Contains(f.Seen, s.seen) || !strings.Contains(f.Command, s.command) {
				t.Errorf("got %+v, all: %+v", f, d.Causes)
			}
			if f.Title == "" || f.Fix == "" || f.Seen == "" {
				t.Errorf("says too little: %+v", f)
			}
			text, err := json.Marshal(d)
			if err != nil || strings.Contains(string(text), "CANARY") {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
	for _, name := range Causes() {
		if !tried[name] {
			t.Errorf("no sight has cause %s", name)
		}
	}
}

// What pages about a 401 of the Claude API list, by the words they use.
func TestEveryCauseOfAPageAboutA401IsNamed(t *testing.T) {
	for page, w := range map[string]struct {
		e    Evidence
		want Name
	}{
		"header missing":            {with(not, around("ANTHROPIC_KEY=x")), HeaderMissing},
		"key unknown":               {with(says(key.Dead, key.Invalid, "")), UnknownKey},
		"expired":                   {with(says(key.Dead, key.Expired, "")), Expired},
		"revoked":                   {with(says(key.Dead, key.Revoked, "")), Revoked},
		"rotated":                   {with(says(key.Dead, key.Invalid, ""), newVersion), Rotated},
		"variable not set":          {with(not), Unset},
		"variable not exported":     {with(not, exported(false)), NotExported},
		"whitespace":                {with(faulty(normalize.Blanks)), "blanks"},
		"newline":                   {with(faulty(normalize.TrailingNewline)), "trailing_newline"},
		"wrong header":              {with(says(key.Unknown, key.WrongAuthMethod, "")), WrongHeader},
		"secret not injected in CI": {with(not, actions), NotInjectedInCI},
		"old key cached":            {with(process, newVersion, func(e *Evidence) { e.Held.Written = now }), OldKeyCached},
		"Bedrock":                   {with(around("CLAUDE_CODE_USE_BEDROCK=true")), CloudDeployment},
		"Vertex":                    {with(around("CLAUDE_CODE_USE_VERTEX=1")), CloudDeployment},
	} {
		if f, ok := Diagnose(w.e).First(); !ok || f.Cause != w.want {
			t.Errorf("%s: %+v", page, f)
		}
	}
}

func TestNothingIsWrongWithAGoodKey(t *testing.T) {
	for rule, e := range map[string]Evidence{
		"in the environment":                         good(),
		"a base URL of the issuer's own":             with(around("ANTHROPIC_BASE_URL=https://api.anthropic.com/")),
		"a switch that is off":                       with(around("CLAUDE_CODE_USE_BEDROCK=0")),
		"in a unit":                                  with(unit, func(e *Evidence) { e.Unit.Has = "Environment=" }),
		"a unit that is not there":                   with(unit, func(e *Evidence) { e.Unit.Absent = true }),
		"a misfit that lives":                        with(func(e *Evidence) { e.Misfit = true }),
		"a proxy that this host goes past":           with(around("HTTPS_PROXY=http://p:1", "NO_PROXY=.anthropic.com")),
		"the source has another that is dead too":    with(func(e *Evidence) { newVersion(e); e.Held.Verdict.Outcome = key.Dead }),
		"a process that has the source's version":    with(process, func(e *Evidence) { e.Held = Held{Compared: true, Same: true, Written: now} }),
		"an admin key where one belongs":             with(func(e *Evidence) { e.Variable, e.Class = "ANTHROPIC_ADMIN_KEY", "Admin API key" }),
		"an API key as a bearer token":               with(func(e *Evidence) { e.Variable = authToken }),
		"a value of which nobody says who issued it": with(says(key.Unknown, key.Misconfigured, ""), func(e *Evidence) { e.Provider, e.Verdict.HTTPStatus = "", 0 }),
		"a clock a minute off":                       with(func(e *Evidence) { e.Road.Skew = time.Minute }),
		"a pipeline that has it":                     with(actions),
		"a profile without export, and it is here":   with(exported(false)),
	} {
		if d := Diagnose(e); len(d.Causes) > 0 {
			t.Errorf("%s: %+v", rule, d.Causes)
		}
	}
}

func TestTheFirstIsCertainIfAnyIs(t *testing.T) {
	e := with(says(key.Dead, key.Revoked, ""), around("ANTHROPIC_BASE_URL=https://gateway.corp"))
	d := Diagnose(e)
	if f, _ := d.First(); f.Cause != Revoked {
		t.Errorf("first is %s", f.Cause)
	}
	names := make([]Name, 0, len(d.Causes))
	for _, f := range d.Causes {
		names = append(names, f.Cause)
	}
	if !slices.Equal(names, []Name{BaseURLElsewhere, Revoked}) {
		t.Errorf("all are %v", names)
	}
}

func TestCausesHaveOneNameEach(t *testing.T) {
	names := Causes()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(causes) {
		t.Error("a name twice")
	}
}
