package fakeaws

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	stsVersion  = "2011-06-15"
	stsSpace    = "https://sts.amazonaws.com/doc/2011-06-15/"
	sessionTime = time.Hour
)

// serveSTS speaks the query protocol: a form in, XML out.
func (s *Server) serveSTS(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	form, formErr := url.ParseQuery(string(body))
	if err != nil || formErr != nil || form.Get("Version") != stsVersion {
		writeXML(w, http.StatusBadRequest, errorResponse(fail("InvalidAction", "Could not find operation %s for version %s", form.Get("Action"), form.Get("Version"))))
		return
	}
	answer, p := s.stsAction(r, body, form)
	if p == nil {
		writeXML(w, http.StatusOK, answer)
		return
	}
	status := http.StatusForbidden
	switch p.code {
	case "ThrottlingException":
		p.code, status = "Throttling", http.StatusBadRequest
	case "AccessDeniedException":
		p.code = "AccessDenied"
	case "IncompleteSignature", "InvalidIdentityToken", "ValidationError", "InvalidAction":
		status = http.StatusBadRequest
	}
	writeXML(w, status, errorResponse(p))
}

func (s *Server) stsAction(r *http.Request, body []byte, form url.Values) (any, *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	action := "sts:" + form.Get("Action")
	if action == "sts:AssumeRoleWithWebIdentity" { // the one that nobody signs
		if p := s.gate(action); p != nil {
			return nil, p
		}
		return s.webIdentity(form)
	}
	c, p := s.authenticate(r, body, "sts")
	if p == nil {
		p = s.gate(action)
	}
	if p != nil {
		return nil, p
	}
	switch action {
	case "sts:GetCallerIdentity":
		if p := s.allowed(c, action, "*"); p != nil {
			return nil, p
		}
		return identityResponse{Space: stsSpace, Result: identity{Arn: c.arn, UserID: c.id, Account: Account}}, nil
	case "sts:AssumeRole":
		return s.assumeRole(c, form)
	default:
		return nil, fail("InvalidAction", "Could not find operation %s for version %s", form.Get("Action"), stsVersion)
	}
}

func (s *Server) assumeRole(c *caller, form url.Values) (any, *problem) {
	arn := form.Get("RoleArn")
	known, ok := s.roles[arn]
	if !ok || known.externalID != form.Get("ExternalId") {
		return nil, fail("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.arn, arn)
	}
	if p := s.allowed(c, "sts:AssumeRole", arn); p != nil {
		return nil, p
	}
	given := s.assumed(arn, form.Get("RoleSessionName"))
	return roleResponse{Space: stsSpace, Result: given}, nil
}

func (s *Server) webIdentity(form url.Values) (any, *problem) {
	arn := form.Get("RoleArn")
	trusted, ok := s.subjects[form.Get("WebIdentityToken")]
	switch {
	case !ok:
		return nil, fail("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
	case trusted != arn:
		return nil, fail("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	return webIdentityResponse{Space: stsSpace, Result: s.assumed(arn, form.Get("RoleSessionName"))}, nil
}

// assumed makes a session of a role; the caller holds mu.
func (s *Server) assumed(roleARN, session string) assumed {
	name := roleARN[strings.LastIndex(roleARN, "/")+1:]
	arn := "arn:aws:sts::" + Account + ":assumed-role/" + name + "/" + session
	id := "AROA" + random(17) + ":" + session
	p := s.session(arn, id, sessionTime)
	return assumed{
		Credentials: sessionKeys{p.AccessKey, p.SecretKey, p.SessionToken, time.Now().Add(sessionTime).UTC().Format(time.RFC3339)},
		User:        assumedUser{Arn: arn, ID: id},
	}
}

type identityResponse struct {
	XMLName xml.Name `xml:"GetCallerIdentityResponse"`
	Space   string   `xml:"xmlns,attr"`
	Result  identity `xml:"GetCallerIdentityResult"`
}

type identity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

type roleResponse struct {
	XMLName xml.Name `xml:"AssumeRoleResponse"`
	Space   string   `xml:"xmlns,attr"`
	Result  assumed  `xml:"AssumeRoleResult"`
}

type webIdentityResponse struct {
	XMLName xml.Name `xml:"AssumeRoleWithWebIdentityResponse"`
	Space   string   `xml:"xmlns,attr"`
	Result  assumed  `xml:"AssumeRoleWithWebIdentityResult"`
}

type assumed struct {
	Credentials sessionKeys
	User        assumedUser `xml:"AssumedRoleUser"`
}

type sessionKeys struct {
	AccessKeyID  string `xml:"AccessKeyId"`
	SecretKey    string `xml:"SecretAccessKey"`
	SessionToken string
	Expiration   string
}

type assumedUser struct {
	Arn string
	ID  string `xml:"AssumedRoleId"`
}

type stsError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Space     string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func errorResponse(p *problem) stsError {
	return stsError{Space: stsSpace, Type: "Sender", Code: p.code, Message: p.message, RequestID: requestID()}
}

func writeXML(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(answer)
}
