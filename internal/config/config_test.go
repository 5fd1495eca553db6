package config

var testKinds = Kinds{
	Sources:  []string{"env", "file", "vault"},
	Sinks:    []string{"directory", "env_file"},
	Channels: []string{"log", "webhook"},
}
