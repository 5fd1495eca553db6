package catalog

//go:generate go test -run TestIndexIsWhatTheFilesSay -update .

// index is generated from providers/*.yaml.
var index = []indexed{
	{
		id: "anthropic", baseURL: "https://api.anthropic.com",
		variables: []string{"ANTHROPIC_API_KEY", "CLAUDE_API_KEY", "ANTHROPIC_ADMIN_API_KEY", "ANTHROPIC_ADMIN_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"},
		shared:    []string(nil),
		prefixes:  []string{"sk-ant-"},
		pins:      []string{"organization", "workspace"},
		at:        0, length: 6411,
	},
	{
		id: "aws", baseURL: "https://sts.{{region}}.amazonaws.com",
		variables: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
		shared:    []string(nil),
		prefixes:  []string(nil),
		pins:      []string{"account"},
		at:        6412, length: 3889,
	},
	{
		id: "gemini", baseURL: "https://generativelanguage.googleapis.com",
		variables: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"},
		shared:    []string(nil),
		prefixes:  []string{"AIza"},
		pins:      []string(nil),
		at:        10302, length: 3909,
	},
	{
		id: "github", baseURL: "https://api.github.com",
		variables: []string{"GITHUB_TOKEN", "GH_TOKEN", "GITHUB_PAT"},
		shared:    []string(nil),
		prefixes:  []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"},
		pins:      []string{"id"},
		at:        14212, length: 4261,
	},
	{
		id: "gitlab", baseURL: "https://gitlab.com",
		variables: []string{"GITLAB_TOKEN", "GITLAB_PAT"},
		shared:    []string(nil),
		prefixes:  []string{"glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "glsoat-", "glffct-"},
		pins:      []string{"user_id"},
		at:        18474, length: 5137,
	},
	{
		id: "huggingface", baseURL: "https://huggingface.co",
		variables: []string{"HF_TOKEN", "HUGGINGFACE_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN"},
		shared:    []string(nil),
		prefixes:  []string{"hf_", "api_org_"},
		pins:      []string{"account"},
		at:        23612, length: 2113,
	},
	{
		id: "openai", baseURL: "https://api.openai.com/v1",
		variables: []string{"OPENAI_API_KEY", "OPENAI_ADMIN_KEY"},
		shared:    []string(nil),
		prefixes:  []string{"sk-proj-", "sk-svcacct-", "sk-service-", "sk-None-", "sk-admin-"},
		pins:      []string(nil),
		at:        25726, length: 3726,
	},
	{
		id: "openrouter", baseURL: "https://openrouter.ai/api/v1",
		variables: []string{"OPENROUTER_API_KEY"},
		shared:    []string(nil),
		prefixes:  []string{"sk-or-"},
		pins:      []string{"management_key", "user"},
		at:        29453, length: 2769,
	},
	{
		id: "slack", baseURL: "https://slack.com",
		variables: []string{"SLACK_BOT_TOKEN", "SLACK_TOKEN", "SLACK_USER_TOKEN"},
		shared:    []string(nil),
		prefixes:  []string{"xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxs-", "xoxr-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xapp-", "https://hooks.slack.com/"},
		pins:      []string{"team_id", "user_id"},
		at:        32223, length: 5441,
	},
	{
		id: "stripe", baseURL: "https://api.stripe.com",
		variables: []string{"STRIPE_SECRET_KEY", "STRIPE_API_KEY"},
		shared:    []string(nil),
		prefixes:  []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "whsec_"},
		pins:      []string{"account", "mode"},
		at:        37665, length: 4091,
	},
}
