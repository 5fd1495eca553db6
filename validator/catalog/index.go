package catalog

//go:generate go test -run TestIndexIsWhatTheFilesSay -update .

// index is generated from providers/*.yaml.
var index = []indexed{
	{
		id: "anthropic", file: "anthropic.yaml",
		variables: []string{"ANTHROPIC_API_KEY", "CLAUDE_API_KEY", "ANTHROPIC_ADMIN_API_KEY", "ANTHROPIC_ADMIN_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"},
		prefixes:  []string{"sk-ant-"},
	},
	{
		id: "openai", file: "openai.yaml",
		variables: []string{"OPENAI_API_KEY", "OPENAI_ADMIN_KEY"},
		prefixes:  []string{"sk-proj-", "sk-svcacct-", "sk-service-", "sk-None-", "sk-admin-"},
	},
}
