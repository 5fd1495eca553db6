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
		id: "aws", file: "aws.yaml",
		variables: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
		prefixes:  []string(nil),
	},
	{
		id: "gemini", file: "gemini.yaml",
		variables: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"},
		prefixes:  []string{"AIza"},
	},
	{
		id: "github", file: "github.yaml",
		variables: []string{"GITHUB_TOKEN", "GH_TOKEN", "GITHUB_PAT"},
		prefixes:  []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"},
	},
	{
		id: "gitlab", file: "gitlab.yaml",
		variables: []string{"GITLAB_TOKEN", "GITLAB_PAT"},
		prefixes:  []string{"glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "glsoat-", "glffct-"},
	},
	{
		id: "huggingface", file: "huggingface.yaml",
		variables: []string{"HF_TOKEN", "HUGGINGFACE_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN"},
		prefixes:  []string{"hf_", "api_org_"},
	},
	{
		id: "openai", file: "openai.yaml",
		variables: []string{"OPENAI_API_KEY", "OPENAI_ADMIN_KEY"},
		prefixes:  []string{"sk-proj-", "sk-svcacct-", "sk-service-", "sk-None-", "sk-admin-"},
	},
	{
		id: "openrouter", file: "openrouter.yaml",
		variables: []string{"OPENROUTER_API_KEY"},
		prefixes:  []string{"sk-or-"},
	},
	{
		id: "slack", file: "slack.yaml",
		variables: []string{"SLACK_BOT_TOKEN", "SLACK_TOKEN", "SLACK_USER_TOKEN"},
		prefixes:  []string{"xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxs-", "xoxr-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xapp-", "https://hooks.slack.com/"},
	},
	{
		id: "stripe", file: "stripe.yaml",
		variables: []string{"STRIPE_SECRET_KEY", "STRIPE_API_KEY"},
		prefixes:  []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "whsec_"},
	},
}
