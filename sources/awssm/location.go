package awssm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// stageParam names the staging label that is read.
const stageParam = "stage"

// current is the staging label of what applications read, and of a location without one.
const current = "AWSCURRENT"

// longest is how many characters a secret's name may have.
const longest = 512

// location is one version of one secret.
type location struct {
	id      string // name or ARN
	region  string // of an ARN; a name is in the source's
	version string
	stage   string // empty: AWSCURRENT
}

func parseLocation(loc key.Location) (location, error) {
	at := location{id: loc.Path, version: string(loc.Version), stage: sources.Params(loc)[stageParam]}
	name := loc.Path
	if strings.HasPrefix(loc.Path, "arn:") {
		var ok bool
		if at.region, name, ok = splitARN(loc.Path); !ok {
			return at, errors.New("not the ARN of a secret, which reads arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX")
		}
	}
	if !only(name, "/_+=.@-") || len(name) > longest {
		return at, errors.New("not a secret's name, which has letters, digits and / _ + = . @ -, 512 at most")
	}
	switch {
	case at.version != "" && at.stage != "":
		return at, errors.New("say version or stage, not both: a label may move to another version at any time")
	case at.version != "" && (!only(at.version, "-") || len(at.version) < 32 || len(at.version) > 64):
		return at, errors.New("version is a VersionId of 32 to 64 letters, digits and -, as `aws secretsmanager list-secret-version-ids` shows; a label is a stage")
	case len(at.stage) > 256 || strings.ContainsFunc(at.stage, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return at, errors.New("stage is a staging label of at most 256 characters, such as AWSPREVIOUS")
	}
	if at.stage == current {
		at.stage = ""
	}
	return at, nil
}

// former is where a version is, whatever label loc asks for. AWS keeps it while it has a
// label, AWSPREVIOUS for one, and some time longer.
func former(loc key.Location, v key.Version) (key.Location, bool) {
	loc.Version = v
	loc.Params = strings.Join(slices.DeleteFunc(strings.Split(loc.Params, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == stageParam
	}), "&")
	_, err := parseLocation(loc)
	return loc, v != "" && err == nil
}

// splitARN is the region and the name, with its suffix, of a secret's ARN.
func splitARN(arn string) (region, name string, ok bool) {
	f := strings.SplitN(arn, ":", 7)
	if len(f) != 7 || !strings.HasPrefix(f[1], "aws") || f[2] != "secretsmanager" || f[5] != "secret" {
		return "", "", false
	}
	return f[3], f[6], checkRegionForm(f[3]) == nil && len(f[4]) == 12 && strings.Trim(f[4], "0123456789") == ""
}

// only says whether s has nothing but letters, digits and others, and is not empty.
func only(s, others string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	})
}

func lint(ref key.Ref, region string) error {
	at, err := parseLocation(ref.Location)
	if err == nil && region != "" {
		err = at.checkRegion(region)
	}
	return errors.Join(err, sources.LintParams(ref, stageParam))
}

// checkRegion refuses an ARN of another region: AWS would answer that there is no
// such secret.
func (at location) checkRegion(region string) error {
	if at.region == "" || at.region == region {
		return nil
	}
	return fmt.Errorf("the ARN is of region %s and the source asks %s: name a source of its own with region: %s", at.region, region, at.region)
}

// isCurrent says whether this is what a batch can read.
func (at location) isCurrent() bool { return at.version == "" && at.stage == "" }

// String is what is wanted of the secret, in words.
func (at location) String() string {
	switch {
	case at.version != "":
		return "version " + at.version
	case at.stage != "":
		return "a version with the label " + at.stage
	default:
		return "a version with the label " + current
	}
}
