package awssm

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

// settings are what a source's entry says beside its kind.
type settings struct {
	// Region is where the secrets are. Empty: AWS_REGION, AWS_DEFAULT_REGION or the
	// profile's. It fills one label of AWS's own host names, whoever says it.
	Region      string        `yaml:"region"`
	Endpoint    string        `yaml:"endpoint"`     // of Secrets Manager, instead of the region's
	STSEndpoint string        `yaml:"sts_endpoint"` // of STS, where a role is assumed
	Profile     string        `yaml:"profile"`      // of ~/.aws/config and ~/.aws/credentials
	RoleARN     string        `yaml:"role_arn"`     // assumed with what the chain finds
	ExternalID  string        `yaml:"external_id"`
	SessionName string        `yaml:"session_name"`
	CAFile      string        `yaml:"ca_file"` // PEM roots instead of the system's
	Timeout     time.Duration `yaml:"timeout"` // of one call, with finding credentials for it
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// regionForm is a region, and perhaps the letter of one of its zones.
var regionForm = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)+-[0-9]+)([a-z]?)$`)

func readSettings(node config.Node) (settings, error) {
	s := settings{SessionName: "livekey", Timeout: httpclient.Timeout}
	if err := node.Decode(&s); err != nil {
		return s, err
	}
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, node.Fault(field, format, args...))
	}
	if s.Region != "" {
		if err := checkRegionForm(s.Region); err != nil {
			fault("region", "%v", err)
		}
	}
	for field, endpoint := range map[string]string{"endpoint": s.Endpoint, "sts_endpoint": s.STSEndpoint} {
		if endpoint == "" {
			continue
		}
		if _, err := config.ParseBaseURL(endpoint); err != nil {
			fault(field, "%v", err)
		}
	}
	if s.RoleARN != "" && !isRole(s.RoleARN) {
		fault("role_arn", "must be the ARN of a role, such as arn:aws:iam::123456789012:role/livekey")
	}
	if s.RoleARN == "" && s.ExternalID != "" {
		fault("external_id", "belongs to role_arn, and there is none")
	}
	if !only(s.SessionName, "_+=,.@-") || len(s.SessionName) < 2 || len(s.SessionName) > 64 {
		fault("session_name", "must be 2 to 64 letters, digits and _ + = , . @ -")
	}
	if s.Timeout <= 0 {
		fault("timeout", "must be longer than nothing, such as 15s")
	}
	return s, errors.Join(faults...)
}

// isRole says whether text is the ARN of an IAM role: arn:aws:iam::ACCOUNT:role/PATH/NAME.
func isRole(text string) bool {
	f := strings.SplitN(text, ":", 6)
	return len(f) == 6 && f[0] == "arn" && strings.HasPrefix(f[1], "aws") && f[2] == "iam" && f[3] == "" &&
		len(f[4]) == 12 && strings.HasPrefix(f[5], "role/") && only(f[5], "/_+=,.@-")
}

// checkRegionForm refuses what cannot be one label of a host name of AWS's.
func checkRegionForm(region string) error {
	switch m := regionForm.FindStringSubmatch(region); {
	case m == nil && strings.ContainsAny(region, "./:"):
		return errors.New("must be the name of a region, such as eu-west-1; an address belongs into endpoint")
	case m == nil || len(region) > 63:
		return errors.New("must be the name of a region, such as eu-west-1")
	case m[2] != "":
		return errors.New("is an availability zone: the region is " + m[1])
	default:
		return nil
	}
}
