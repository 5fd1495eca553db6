package doctor

import "github.com/livekey/livekey/internal/normalize"

// The causes by name. Names are fixed: scripts match on them.
const (
	Unset            Name = "unset"
	NotExported      Name = "not_exported"
	Empty            Name = "empty"
	NotInjectedInCI  Name = "not_injected_in_ci"
	NotInUnit        Name = "not_in_unit"
	Truncated        Name = "truncated"
	OtherIssuer      Name = "other_issuer"
	WrongClass       Name = "wrong_class"
	CloudDeployment  Name = "cloud_deployment"
	TwoCredentials   Name = "two_credentials"
	BaseURLElsewhere Name = "base_url_elsewhere"
	HeaderMissing    Name = "header_missing"
	WrongHeader      Name = "wrong_header"
	RegionOrHost     Name = "region_or_host"
	Misconfigured    Name = "misconfigured"
	NoCredit         Name = "no_credit"
	SpendCap         Name = "spend_cap"
	OrgDisabled      Name = "org_disabled"
	NeedsWorkspace   Name = "needs_workspace"
	Blocked          Name = "blocked"
	MissingScope     Name = "missing_scope"
	Expired          Name = "expired"
	Revoked          Name = "revoked"
	Rotated          Name = "rotated"
	UnknownKey       Name = "unknown_key"
	InBetween        Name = "in_between"
	ClockSkew        Name = "clock_skew"
	OldKeyCached     Name = "old_key_cached"
	Unanswered       Name = "unanswered"
)

// causes are in the order in which they are tried: what can be seen here before what only
// the issuer knows, and each before what it would hide. Where two could explain the same
// sight, the test of the more general one leaves it to the other.
var causes = []cause{
	{Unset, "the variable is not set", OfKey, unset},
	{NotExported, "the variable is set, but not exported", OfKey, notExported},
	{Empty, "the variable is empty", OfKey, empty},
	{NotInjectedInCI, "the secret is not injected in CI", OfKey, notInjected},
	{NotInUnit, "the shell has the variable, the service's unit does not", OfSetup, notInUnit},

	{"trailing_newline", "the key ends in a newline", OfKey, fault(normalize.TrailingNewline)},
	{"crlf", "the key has a Windows line end", OfKey, fault(normalize.CRLF)},
	{"blanks", "the key has blanks at an end", OfKey, fault(normalize.Blanks)},
	{"bom", "the key begins with a byte order mark", OfKey, fault(normalize.ByteOrderMark)},
	{"quotes", "the key has quotes around it", OfKey, fault(normalize.Quotes)},
	{"zero_width", "the key has a character that cannot be seen", OfKey, fault(normalize.ZeroWidth)},
	{"bearer_prefix", "the key begins with Bearer", OfKey, fault(normalize.BearerPrefix)},
	{"export_prefix", "the key begins with export", OfKey, fault(normalize.ExportPrefix)},
	{"name_prefix", "the key begins with a variable's name", OfKey, fault(normalize.NamePrefix)},
	{"unexpanded_variable", "a variable in the key was not expanded", OfKey, fault(normalize.UnexpandedVariable)},
	{"placeholder", "the key is a placeholder", OfKey, fault(normalize.Placeholder)},
	{Truncated, "the key is cut off", OfKey, truncated},
	{"doubled", "the key is there twice", OfKey, fault(normalize.Doubled)},
	{"malformed", "what is stored cannot be a key", OfKey, malformed},

	{OtherIssuer, "the key is another issuer's", OfKey, fault(normalize.ForeignPrefix)},
	{WrongClass, "this kind of credential does not belong here", OfKey, wrongClass},
	{CloudDeployment, "Bedrock, Vertex or Foundry is asked, which take no Anthropic key", OfSetup, cloudDeployment},
	{TwoCredentials, "two credentials are set at once", OfSetup, twoCredentials},
	{BaseURLElsewhere, "the base URL points elsewhere", OfSetup, baseURLElsewhere},
	{HeaderMissing, "the header is missing", OfSetup, headerMissing},
	{WrongHeader, "the key is sent in the wrong header", OfSetup, wrongHeader},
	{RegionOrHost, "region, host or address do not fit the key", OfSetup, regionOrHost},
	{Misconfigured, "what belongs to the key is missing or wrong", OfSetup, misconfigured},

	{NoCredit, "the account has no credit", OfKey, blocked("no_credit")},
	{SpendCap, "a spend limit is reached", OfKey, blocked("spend_cap")},
	{OrgDisabled, "the organization is disabled", OfKey, blocked("org_disabled")},
	{NeedsWorkspace, "the workspace id is missing", OfKey, blocked("needs_workspace")},
	{Blocked, "the key is blocked", OfKey, blockedOtherwise},
	{MissingScope, "a scope is missing", OfKey, missingScope},
	{Expired, "the key has expired", OfKey, expired},
	{Revoked, "the key is revoked", OfKey, revoked},
	{Rotated, "the key was rotated: its source has a new version", OfKey, rotated},
	{UnknownKey, "the issuer does not know the key", OfKey, unknownKey},

	{InBetween, "a proxy or portal is in the way", OfRoad, inBetween},
	{ClockSkew, "the clock is wrong", OfSetup, clockSkew},
	{OldKeyCached, "the process still has an old key", OfSetup, oldKeyCached},
	{Unanswered, "the issuer could not be asked", OfRoad, unanswered},
}
