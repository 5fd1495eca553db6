package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// OnChange says who is told that a sink changed. The zero OnChange tells nobody.
type OnChange struct {
	Steps     []Step        // one after another
	WaitMin   time.Duration // as long as this must be quiet after the last change
	WaitMax   time.Duration // but nobody waits longer than this after the first
	Splay     time.Duration // a further wait of at most this, of this machine's own
	OnFailure OnFailure
	Node      Node
}

// Step is one consumer, and how it is told.
type Step struct {
	Kind   StepKind
	Unit   string     // systemd, or signal: to its main process
	Action UnitAction // systemd; "": restart, and of a sink that is read again at any time, reload

	Signal  SignalName
	PIDFile string // signal: to the process that it names
	Process string // signal: to every process of this name
	User    string // and of this user

	Argv []string // exec

	URL       string // http
	Method    string
	TokenFile string

	Health        string        // a URL that answers 2xx once the consumer is back; "": nobody is asked
	HealthTimeout time.Duration // it may take this long
	Timeout       time.Duration // of telling
	Settle        time.Duration // and so long it must then stay up
	Node          Node
}

// What telling takes unless the config says otherwise.
const (
	quietTime     = 2 * time.Second
	quietLimit    = 30 * time.Second
	healthTimeout = 30 * time.Second
	unitTimeout   = 2 * time.Minute // systemd's own limits for a stop and a start are shorter, unless somebody raised them
	stepTimeout   = 30 * time.Second
	settleTime    = 2 * time.Second
)

// stepSpec is a step as the file writes it.
type stepSpec struct {
	Systemd Node          `yaml:"systemd"`
	Action  UnitAction    `yaml:"action"`
	Signal  SignalName    `yaml:"signal"`
	PIDFile string        `yaml:"pid_file"`
	Unit    string        `yaml:"unit"`
	Process string        `yaml:"process"`
	User    string        `yaml:"user"`
	Exec    []string      `yaml:"exec"`
	HTTP    httpSpec      `yaml:"http"`
	Health  healthSpec    `yaml:"health"`
	Timeout time.Duration `yaml:"timeout"`
	Settle  time.Duration `yaml:"settle"`
}

type httpSpec struct {
	URL       string     `yaml:"url"`
	Method    HookMethod `yaml:"method"`
	TokenFile string     `yaml:"token_file"`
}

type healthSpec struct {
	URL     string        `yaml:"url"`
	Timeout time.Duration `yaml:"timeout"`
}

// onChangeSpec is on_change as the file writes it: one step, or steps.
type onChangeSpec struct {
	stepSpec `yaml:",inline"`

	Steps     []Node        `yaml:"steps"`
	Wait      waitSpec      `yaml:"wait"`
	Splay     time.Duration `yaml:"splay"`
	OnFailure OnFailure     `yaml:"on_failure"`
}

type waitSpec struct {
	Min time.Duration `yaml:"min"`
	Max time.Duration `yaml:"max"`
}

func newStepSpec() stepSpec {
	return stepSpec{
		HTTP: httpSpec{Method: "POST"}, Health: healthSpec{Timeout: healthTimeout}, Settle: settleTime,
	}
}

// onChange reads what a sink says of its consumers: none, one step, or a list of them.
func (b *builder) onChange(n Node) OnChange {
	y := target(n.yaml)
	switch {
	case n.empty(), isScalar(y) && y.Value == "none":
		return OnChange{}
	case y.Kind == yaml.SequenceNode:
		c := OnChange{WaitMin: quietTime, WaitMax: quietLimit, OnFailure: AlertOnly, Node: n}
		for i, item := range y.Content {
			c.Steps = append(c.Steps, b.steps(n.item(i, item))...)
		}
		return c
	case y.Kind != yaml.MappingNode:
		b.add(n.fault("", "must say who is told, or none", "write on_change: {systemd: app.service}"))
		return OnChange{}
	}
	spec := onChangeSpec{stepSpec: newStepSpec(), Wait: waitSpec{quietTime, quietLimit}, OnFailure: AlertOnly}
	b.take(n.Decode(&spec))
	if spec.Wait.Min > spec.Wait.Max {
		b.add(n.fault("wait", "min is longer than max", ""))
	}
	c := OnChange{WaitMin: spec.Wait.Min, WaitMax: spec.Wait.Max, Splay: spec.Splay, OnFailure: spec.OnFailure, Node: n}
	if _, said := n.field("steps"); !said {
		c.Steps = b.expand(n, spec.stepSpec)
		return c
	}
	for _, f := range stepFields {
		if at, said := n.field(f); said {
			b.add(at.nameFault("beside steps, it belongs to none of them", "write it into the step"))
		}
	}
	if len(spec.Steps) == 0 {
		b.add(n.fault("steps", "must be a list of who is told", "write steps: [{systemd: a.service}, …]"))
	}
	for _, item := range spec.Steps {
		c.Steps = append(c.Steps, b.steps(item)...)
	}
	return c
}

// steps reads one item of a list.
func (b *builder) steps(n Node) []Step {
	spec := newStepSpec()
	b.take(n.Decode(&spec))
	if !isMapping(target(n.yaml)) {
		return nil
	}
	return b.expand(n, spec)
}

// The fields of a step, and to which kind of step each belongs; "": to all.
var (
	stepKinds  = []string{string(StepSystemd), string(StepSignal), string(StepExec), string(StepHTTP)}
	belongsTo  = map[string]StepKind{"action": StepSystemd, "pid_file": StepSignal, "unit": StepSignal, "process": StepSignal, "user": StepSignal}
	stepFields = append(slices.Clone(stepKinds), "action", "pid_file", "unit", "process", "user", "health", "timeout", "settle")
)

// expand makes one step for each unit that spec names, or the one that it is.
func (b *builder) expand(n Node, spec stepSpec) []Step {
	before := len(b.list)
	var kinds []string
	for _, k := range stepKinds {
		if _, said := n.field(k); said {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) != 1 {
		message, hint := "says nobody who is told", "name one of "+list(stepKinds)
		if len(kinds) > 1 {
			message, hint = "tells in two ways at once: "+strings.Join(kinds, " and "), "write steps: with one of them each"
		}
		b.add(n.fault("", message, hint))
		return nil
	}
	s := Step{
		Kind: StepKind(kinds[0]), Action: spec.Action, Signal: spec.Signal, PIDFile: spec.PIDFile, Unit: spec.Unit,
		Process: spec.Process, User: spec.User, Argv: spec.Exec, URL: spec.HTTP.URL, Method: string(spec.HTTP.Method),
		TokenFile: spec.HTTP.TokenFile, Health: spec.Health.URL, HealthTimeout: spec.Health.Timeout,
		Timeout: spec.Timeout, Settle: spec.Settle, Node: n,
	}
	b.stepAgrees(s)
	if s.Kind != StepHTTP {
		s.Method = ""
	}
	if s.Timeout == 0 {
		s.Timeout = stepTimeout
		if s.Kind == StepSystemd {
			s.Timeout = unitTimeout
		}
	}
	if s.Kind != StepSystemd {
		return []Step{s}
	}
	all := b.units(n, s)
	if len(b.list) > before {
		return nil
	}
	return all
}

// stepAgrees holds that a step says what its kind needs, and nothing of another.
func (b *builder) stepAgrees(s Step) {
	n := s.Node
	for _, field := range stepFields {
		at, said := n.field(field)
		if kind, own := belongsTo[field]; said && own && kind != s.Kind {
			b.add(at.nameFault("belongs to "+string(kind)+", and this is "+string(s.Kind), "remove it"))
		}
	}
	switch s.Kind {
	case StepSystemd: // each unit is looked at by itself
	case StepSignal:
		b.signalAgrees(s)
	case StepExec:
		if !isProgram(s.Argv) && !n.misshaped("exec", yaml.SequenceNode) {
			b.add(n.fault("exec", "must be a list that begins with the absolute path of a program", "no shell reads it: [/usr/local/bin/reload, --now]"))
		}
	case StepHTTP:
		if n.misshaped("http", yaml.MappingNode) || !b.required(n, "http.url", s.URL) {
			break
		}
		b.hook(n, "http.url", s.URL)
		if s.TokenFile != "" {
			b.absolute(n, "http.token_file", s.TokenFile)
		}
	}
	if n.has("health") && !n.misshaped("health", yaml.MappingNode) && b.required(n, "health.url", s.Health) {
		b.hook(n, "health.url", s.Health)
	}
	for _, t := range []struct {
		field string
		is    time.Duration
	}{{"timeout", s.Timeout}, {"health.timeout", s.HealthTimeout}} {
		if t.is <= 0 && n.has(t.field) {
			b.add(n.fault(t.field, "must be more than 0s", ""))
		}
	}
}

func (b *builder) signalAgrees(s Step) {
	n := s.Node
	said := 0
	for _, field := range []string{"pid_file", "unit", "process"} {
		if n.has(field) {
			said++
		}
	}
	switch {
	case said != 1:
		b.add(n.fault("", "a signal needs one receiver", "write one of pid_file, unit and process beside it"))
	case n.has("pid_file"):
		b.absolute(n, "pid_file", s.PIDFile)
	case n.has("unit"):
		b.unit(n, "unit", s.Unit)
	case s.Process == "" || len(s.Process) > maxProcessName || strings.ContainsAny(s.Process, "/ "):
		b.add(n.fault("process", "must be the name of a program, without its folder", ""))
	}
	if n.has("user") && !n.has("process") {
		b.add(n.fault("user", "only tells processes of one name apart", "remove it"))
	}
}

// maxProcessName is far more than the 15 bytes of it that the kernel keeps.
const maxProcessName = 255

func (b *builder) required(n Node, field, value string) bool {
	if value == "" {
		b.add(n.fault(field, "required", ""))
	}
	return value != ""
}

// hook holds that an address is this machine's, or encrypted.
func (b *builder) hook(n Node, field, address string) {
	if err := CheckHook(address); err != nil && !looksSecret(address) { // vet has said so
		b.add(n.fault(field, err.Error(), ""))
	}
}

// units are the steps of a systemd step: one for each unit.
func (b *builder) units(n Node, s Step) []Step {
	at, _ := n.field("systemd")
	var names []string
	switch y := target(at.yaml); {
	case isScalar(y):
		names = make([]string, 1)
		b.take(at.Decode(&names[0]))
	default:
		b.take(at.Decode(&names))
	}
	if len(names) == 0 {
		b.add(at.fault("", "names no unit", "write app.service, or a list of such"))
	}
	var all []Step
	for _, name := range names {
		b.unit(n, "systemd", name)
		one := s
		one.Unit = name
		if slices.ContainsFunc(all, func(before Step) bool { return before.Unit == name }) {
			b.add(at.fault("", "names a unit twice", "each is told once"))
		}
		all = append(all, one)
	}
	return all
}

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.service$`)

// UnitNames is what the name of a service looks like.
var UnitNames = unitName.String()

func (b *builder) unit(n Node, field, name string) {
	switch {
	case !unitName.MatchString(name) || len(name) > 255:
		b.add(n.fault(field, "must be the name of a service", "write it as systemctl shows it: app.service, worker@1.service"))
	case name == ownUnit:
		b.add(n.fault(field, "livekey would end itself in the middle of it", "name the service that uses the keys"))
	}
}

// ownUnit is livekey's own.
const ownUnit = "livekey.service"

// CheckHook says what is wrong with an address that livekey calls besides issuers. It
// quotes nothing of it.
func CheckHook(address string) error {
	path, _, _ := strings.Cut(address, "?") // a hook may have a query
	if _, err := ParseBaseURL(path); err != nil {
		return errors.New("must be https, or http to this machine: " + err.Error())
	}
	return nil
}
