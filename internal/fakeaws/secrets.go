package fakeaws

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRequest = 1 << 20
	batchSize  = 20
	listSize   = 100
	secretSize = 64 << 10
)

// input is the union of what the actions take; encoding/json reads SecretId into SecretID.
type input struct {
	Name, SecretID, SecretString, VersionID, VersionStage    *string
	ClientRequestToken, MoveToVersionID, RemoveFromVersionID *string
	SecretBinary                                             []byte
	VersionStages, SecretIDList                              []string
	Filters                                                  []any
	MaxResults                                               *int
	NextToken                                                *string
	ForceDeleteWithoutRecovery                               *bool
}

// reply is a JSON object of an answer.
type reply map[string]any

// serveSecrets speaks awsJson1_1: the action is in X-Amz-Target, all errors are 400.
func (s *Server) serveSecrets(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer, p := s.secretsAction(r)
	if p != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = reply{"__type": p.code, "Message": p.message, "message": p.message}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// codes are what Secrets Manager calls the errors of signatures.
var codes = map[string]string{
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"InvalidClientTokenId":       "UnrecognizedClientException",
	"SignatureDoesNotMatch":      "InvalidSignatureException",
	"ExpiredToken":               "ExpiredTokenException",
}

func (s *Server) secretsAction(r *http.Request) (reply, *problem) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, fail("SerializationException", "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, p := s.authenticate(r, body, "secretsmanager")
	if p != nil {
		if code := codes[p.code]; code != "" {
			p.code = code
		}
		return nil, p
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	action := map[string]func(*caller, *input) (reply, *problem){
		"CreateSecret": s.createSecret, "PutSecretValue": s.putSecretValue, "UpdateSecretVersionStage": s.updateStage,
		"GetSecretValue": s.getSecretValue, "BatchGetSecretValue": s.batchGet, "DescribeSecret": s.describe,
		"ListSecrets": s.list, "DeleteSecret": s.deleteSecret, "RestoreSecret": s.restoreSecret,
	}[name]
	if !ok || action == nil {
		return nil, fail("UnknownOperationException", "")
	}
	var in input
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fail("SerializationException", "")
	}
	full := "secretsmanager:" + name
	if p := s.gate(full); p != nil {
		return nil, p
	}
	resource := "*"
	if in.SecretID != nil {
		resource = s.nameOf(*in.SecretID)
	}
	if p := s.allowed(c, full, resource); p != nil {
		return nil, p
	}
	return action(c, &in)
}

// nameOf is the name of a secret that may be asked for by its ARN; the caller holds mu.
func (s *Server) nameOf(id string) string {
	if found, p := s.lookup(id); p == nil {
		return found.name
	}
	return id
}

func (in *input) content() (Content, *problem) {
	c := Content{Text: in.SecretString, Binary: in.SecretBinary}
	switch {
	case c.Text != nil && c.Binary != nil:
		return c, fail("InvalidParameterException", "You can't specify both SecretString and SecretBinary.")
	case c.Text != nil && len(*c.Text) > secretSize, len(c.Binary) > secretSize:
		return c, fail("ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "+
			"Member must have length less than or equal to 65536")
	}
	return c, nil
}

func (in *input) token() string {
	if in.ClientRequestToken != nil {
		return *in.ClientRequestToken
	}
	return requestID()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s *Server) createSecret(_ *caller, in *input) (reply, *problem) {
	c, p := in.content()
	if p != nil {
		return nil, p
	}
	token := in.token()
	if old := s.secrets[text(in.Name)]; old != nil {
		if v := old.versions[token]; v == nil || !v.content.equal(c) {
			return nil, fail("ResourceExistsException", "The operation failed because the secret %s already exists.", text(in.Name))
		}
	}
	made := s.create(text(in.Name))
	answer := reply{"ARN": made.arn, "Name": made.name}
	if c.Text != nil || c.Binary != nil {
		if p := made.put(token, c, nil); p != nil {
			return nil, p
		}
		answer["VersionId"] = token
	}
	return answer, nil
}

func (s *Server) putSecretValue(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	c, p := in.content()
	if p != nil {
		return nil, p
	}
	token := in.token()
	if p := found.put(token, c, in.VersionStages); p != nil {
		return nil, p
	}
	return reply{"ARN": found.arn, "Name": found.name, "VersionId": token, "VersionStages": found.stages(token)}, nil
}

func (s *Server) updateStage(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	if p := found.restage(text(in.VersionStage), text(in.MoveToVersionID), text(in.RemoveFromVersionID)); p != nil {
		return nil, p
	}
	return reply{"ARN": found.arn, "Name": found.name}, nil
}

func (s *Server) getSecretValue(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	v, p := found.find(text(in.VersionID), text(in.VersionStage))
	if p != nil {
		return nil, p
	}
	return found.reply(v), nil
}

func (s *stored) reply(v *version) reply {
	answer := reply{
		"ARN": s.arn, "Name": s.name, "VersionId": v.id, "VersionStages": s.stages(v.id), "CreatedDate": epoch(v.created),
	}
	if v.content.Text != nil {
		answer["SecretString"] = *v.content.Text
	} else {
		answer["SecretBinary"] = v.content.Binary // base64, by encoding/json
	}
	return answer
}

// batchGet reads the current versions of many: what fails alone is in Errors.
func (s *Server) batchGet(c *caller, in *input) (reply, *problem) {
	switch {
	case (len(in.SecretIDList) > 0) == (len(in.Filters) > 0):
		return nil, fail("InvalidParameterException", "You must include Filters or SecretIDList, but not both.")
	case len(in.Filters) > 0:
		return nil, fail("InvalidRequestException", "fakeaws has no Filters")
	case len(in.SecretIDList) > batchSize:
		return nil, fail("ValidationException", "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", batchSize)
	case in.MaxResults != nil:
		return nil, fail("InvalidParameterException", "To use MaxResults, you must also use Filters.")
	}
	ids, next, p := paged(in.SecretIDList, text(in.NextToken), s.page)
	if p != nil {
		return nil, p
	}
	values, failed := []reply{}, []reply{}
	for _, id := range ids {
		answer, p := s.oneOfBatch(c, id)
		if p != nil {
			failed = append(failed, reply{"SecretId": id, "ErrorCode": p.code, "Message": p.message})
			continue
		}
		values = append([]reply{answer}, values...) // in no order that a caller could count on
	}
	answer := reply{"SecretValues": values, "Errors": failed}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}

func (s *Server) oneOfBatch(c *caller, id string) (reply, *problem) {
	if p := s.allowed(c, "secretsmanager:GetSecretValue", s.nameOf(id)); p != nil {
		return nil, p
	}
	return s.getSecretValue(c, &input{SecretID: &id})
}

// paged is one page of all, and the token of the next. size 0 is everything.
func paged[T any](all []T, token string, size int) (page []T, next string, p *problem) {
	from := 0
	if token != "" {
		var err error
		if from, err = strconv.Atoi(token); err != nil || from < 0 || from > len(all) {
			return nil, "", fail("InvalidNextTokenException", "The NextToken value is invalid.")
		}
	}
	if size == 0 || from+size >= len(all) {
		return all[from:], "", nil
	}
	return all[from : from+size], strconv.Itoa(from + size), nil
}

func (s *Server) describe(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	return found.describe(), nil
}

func (s *stored) describe() reply {
	stages := map[string][]string{} // versions without a label are deprecated, and not shown
	for _, id := range s.labels {
		stages[id] = s.stages(id)
	}
	answer := reply{"ARN": s.arn, "Name": s.name, "VersionIdsToStages": stages, "SecretVersionsToStages": stages}
	if !s.deleted.IsZero() {
		answer["DeletedDate"] = epoch(s.deleted)
	}
	return answer
}

func (s *Server) list(_ *caller, in *input) (reply, *problem) {
	size := listSize
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 1 || size > listSize {
		return nil, fail("ValidationException", "1 validation error detected: Value at 'maxResults' failed to satisfy constraint")
	}
	names, next, p := paged(slices.Sorted(maps.Keys(s.secrets)), text(in.NextToken), size)
	if p != nil {
		return nil, p
	}
	all := []reply{}
	for _, name := range names {
		all = append(all, s.secrets[name].describe())
	}
	answer := reply{"SecretList": all}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}

func (s *Server) deleteSecret(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	found.deleted = time.Now()
	if in.ForceDeleteWithoutRecovery != nil && *in.ForceDeleteWithoutRecovery {
		delete(s.secrets, found.name)
	}
	return reply{"ARN": found.arn, "Name": found.name, "DeletionDate": epoch(found.deleted)}, nil
}

func (s *Server) restoreSecret(_ *caller, in *input) (reply, *problem) {
	found, p := s.lookup(text(in.SecretID))
	if p != nil {
		return nil, p
	}
	found.deleted = time.Time{}
	return reply{"ARN": found.arn, "Name": found.name}, nil
}

// epoch is a time as AWS's JSON has it: seconds, with a fraction.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
