package rotation

// reported asks the issuer and the source at once: somebody saw the current version
// refused. That alone changes nothing, for he may be wrong, or lie.
func (t *turn) reported() {
	const why = "a consumer saw it refused"
	t.do(Refetch{Reason: why})
	if c := t.s.Current; c != nil {
		t.check(c, Confirm, why)
	}
}
