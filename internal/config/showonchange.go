package config

import "go.yaml.in/yaml/v4"

// showOnChange is on_change with each consumer in a step of its own; nil if nobody is told.
func showOnChange(c OnChange) *yaml.Node {
	if len(c.Steps) == 0 {
		return nil
	}
	steps := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, s := range c.Steps {
		steps.Content = append(steps.Content, showStep(s))
	}
	return mapping(
		"steps", steps,
		"wait", mapping("min", duration(c.WaitMin), "max", duration(c.WaitMax)),
		"splay", duration(c.Splay),
		"on_failure", text(string(c.OnFailure)),
	)
}

func showStep(s Step) *yaml.Node {
	var n *yaml.Node
	switch s.Kind {
	case StepSystemd:
		n = mapping("systemd", text(s.Unit), "action", optional(string(s.Action)))
	case StepSignal:
		n = mapping("signal", text(string(s.Signal)), "pid_file", optional(s.PIDFile), "unit", optional(s.Unit),
			"process", optional(s.Process), "user", optional(s.User))
	case StepExec:
		n = mapping("exec", texts(s.Argv))
	case StepHTTP:
		n = mapping("http", mapping("url", text(hostOnly(s.URL)), "method", text(s.Method), "token_file", optional(s.TokenFile)))
	}
	if s.Health != "" {
		n.Content = append(n.Content, text("health"), mapping("url", text(s.Health), "timeout", duration(s.HealthTimeout)))
	}
	n.Content = append(n.Content, text("timeout"), duration(s.Timeout), text("settle"), duration(s.Settle))
	return n
}
