package key

// Cause is why an alert is open. There is one open alert per cause and subject.
// The set is fixed: receivers match on it.
type Cause string

// The causes.
const (
	CandidateRejected  Cause = "candidate_rejected"
	CandidateUnproved  Cause = "candidate_unproved"
	CandidateWorse     Cause = "candidate_worse"
	CandidateMisplaced Cause = "candidate_misplaced"
	KeySuspect         Cause = "key_suspect"
	KeyDead            Cause = "key_dead"
	KeyBlocked         Cause = "key_blocked"
	KeyExpiring        Cause = "key_expiring"
	IssuerSuspect      Cause = "issuer_suspect"
	IssuerUnreachable  Cause = "issuer_unreachable"
	SourceUnreachable  Cause = "source_unreachable"
	SourceMissing      Cause = "source_missing"
	SinkFailed         Cause = "sink_failed"
	ReloadFailed       Cause = "reload_failed"
	RevokedEarly       Cause = "revoked_early"
	OverlapTooLong     Cause = "overlap_too_long"
	RotationComplete   Cause = "rotation_complete"
	HoldersStale       Cause = "holders_stale"
	VersionRegressed   Cause = "version_regressed"
	Drift              Cause = "drift"
	SelfDegraded       Cause = "self_degraded"
)

// Severity says who should wake up.
type Severity string

// Severities, from "good to know" to "wake somebody".
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)
