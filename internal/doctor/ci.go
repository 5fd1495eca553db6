package doctor

// The pipelines that are known.
const (
	GitHubActions = "GitHub Actions"
	GitLabCI      = "GitLab CI"
)

// Pipeline says which pipeline this is, and what of it is known to withhold secrets.
func Pipeline(get func(name string) string) CI {
	switch {
	case get("GITHUB_ACTIONS") == "true":
		c := CI{Name: GitHubActions}
		switch {
		case get("GITHUB_ACTOR") == "dependabot[bot]":
			c.Why = "Dependabot started it, whose runs get Dependabot's secrets alone"
		case get("GITHUB_EVENT_NAME") == "pull_request":
			c.Why = "it runs for a pull request, and one from a fork gets no secrets"
		}
		return c
	case get("GITLAB_CI") == "true":
		c := CI{Name: GitLabCI}
		source, own := get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"), get("CI_MERGE_REQUEST_PROJECT_PATH")
		switch {
		case source != "" && own != "" && source != own:
			c.Why = "it runs for a merge request from a fork, which gets no variables of this project"
		case get("CI_COMMIT_REF_PROTECTED") == "false":
			c.Why = "the branch is not protected, and protected variables reach protected ones alone"
		}
		return c
	}
	return CI{}
}
