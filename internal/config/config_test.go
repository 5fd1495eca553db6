package config

var testKinds = Kinds{
	Sources:  []string{"env", "file", "vault"},
	Sinks:    []string{"directory", "env_file"},
	Channels: []string{"log", "webhook"},
}

// exampleKinds are those that the examples have.
var exampleKinds = Kinds{
	Sources:  []string{"awssm", "env", "exec", "file", "kubernetes", "vault"},
	Sinks:    []string{"directory", "env_file", "kubernetes_secret"},
	Channels: []string{"alertmanager", "exec", "kubernetes_events", "pagerduty", "slack", "webhook"},
}
