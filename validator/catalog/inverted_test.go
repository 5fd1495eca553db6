package catalog

import "testing"

// The issuers below say with a status the opposite of what it says elsewhere. Each has the
// two answers here that would be mistaken for each other, in the issuer's own words.

// means is what an answer of one provider to a key of the usual kind is to mean.
type means struct {
	name    string
	status  int
	headers map[string]string
	body    string
	want    string
}

func inverted(t *testing.T, id string, with map[string]string, answers ...means) {
	t.Helper()
	p := lookedUp(t, id)
	c := corpora(t)[id]
	if with == nil {
		with = c.With
	}
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			s := said{
				Value: c.Value, Parts: c.Parts, With: with, BaseURL: c.BaseURL,
				Status: a.status, Headers: a.headers, Body: a.body,
			}
			if v := checked(t, p, &s); told(v) != a.want {
				t.Errorf("got %s, want %s: %s", told(v), a.want, v.Detail)
			}
		})
	}
}

func TestResendKnowsAKeyUnder401AndRefusesUnder403(t *testing.T) {
	inverted(t, "resend", nil,
		means{"a key that may only send", 401, nil, `{"statusCode":401,"message":"This API key is restricted to only send emails","name":"restricted_api_key"}`, "live/limited_scope"},
		means{"a bad key", 403, nil, `{"statusCode":403,"message":"API key is invalid","name":"invalid_api_key"}`, "dead/invalid"},
		means{"a bad key, under 400", 400, nil, `{"statusCode":400,"message":"API key is invalid","name":"validation_error"}`, "dead/invalid"},
		means{"somebody's 403", 403, nil, `{"message":"Forbidden"}`, "unknown/unauthenticated"},
	)
}

func TestFastlySaysExpiredWith401AndUnknownWith403(t *testing.T) {
	const words = `{"msg":"Provided credentials are missing or invalid"}`
	inverted(t, "fastly", nil,
		means{"expired", 401, nil, words, "dead/expired"},
		means{"unknown", 403, nil, words, "dead/invalid"},
		means{"not allowed, under the same 403", 403, nil, `{"msg":"You are not authorized to perform this action"}`, "live/limited_scope"},
		means{"somebody's 401", 401, nil, `{"message":"Unauthorized"}`, "unknown/unauthenticated"},
	)
}

func TestFlySaysWith400ThatATokenIsGood(t *testing.T) {
	inverted(t, "flyio", nil,
		means{"the organization is missing, which is asked after the token", 400, nil, `{"error":"missing required parameter: org_slug"}`, "live/valid"},
		means{"a bad token", 401, nil, `{"error":"Authenticate: token validation error"}`, "dead/invalid"},
		means{"somebody's 400", 400, nil, `{"error":"Bad Request"}`, "unknown/intercepted"},
	)
}

func TestSlackRefusesUnder200(t *testing.T) {
	inverted(t, "slack", nil,
		means{"good", 200, nil, `{"ok":true,"url":"https://acme.slack.com/","team":"Acme","team_id":"T1","user_id":"U1"}`, "live/valid"},
		means{"unknown", 200, nil, `{"ok":false,"error":"invalid_auth"}`, "dead/invalid"},
		means{"revoked", 200, nil, `{"ok":false,"error":"token_revoked"}`, "dead/revoked"},
		means{"somebody's ok", 200, nil, `{"ok":true}`, "unknown/unsupported"},
	)
}

func TestWeightsAndBiasesKnowsNobodyUnder200(t *testing.T) {
	inverted(t, "wandb", nil,
		means{"good", 200, nil, `{"data":{"viewer":{"id":"VXNlcjox","username":"grace","email":"grace@example.com"}}}`, "live/valid"},
		means{"nobody", 200, nil, `{"data":{"viewer":null}}`, "dead/invalid"},
		means{"nobody, because something broke", 200, nil, `{"data":{"viewer":null},"errors":[{"message":"internal error"}]}`, "unknown/transient"},
		means{"somebody's empty answer", 200, nil, `{"data":{}}`, "unknown/intercepted"},
	)
}

func TestSonarQubeRefusesUnder200(t *testing.T) {
	inverted(t, "sonarcloud", nil,
		means{"good", 200, nil, `{"valid":true}`, "live/valid"},
		means{"refused", 200, nil, `{"valid":false}`, "dead/invalid"},
		means{"neither", 200, nil, `{}`, "unknown/intercepted"},
	)
}

func TestTelegramHasNoPathForWhatIsNoToken(t *testing.T) {
	inverted(t, "telegram-bot", nil,
		means{"good", 200, nil, `{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"Acme","username":"acme_bot"}}`, "live/valid"},
		means{"malformed", 404, nil, `{"ok":false,"error_code":404,"description":"Not Found"}`, "dead/invalid"},
		means{"revoked", 401, nil, `{"ok":false,"error_code":401,"description":"Unauthorized"}`, "dead/invalid"},
		means{"somebody's 404", 404, nil, `{"detail":"Not Found"}`, "unknown/misconfigured"},
	)
}

func TestXAIRefusesUnder400AndTellsOfADisabledKeyUnder200(t *testing.T) {
	inverted(t, "xai", nil,
		means{"good", 200, nil, `{"redacted_api_key":"xai-...b14o","team_id":"5ea6","api_key_blocked":false,"api_key_disabled":false,"team_blocked":false,"acls":["api-key:model:*"]}`, "live/valid"},
		means{"disabled", 200, nil, `{"redacted_api_key":"xai-...b14o","team_id":"5ea6","api_key_blocked":false,"api_key_disabled":true,"team_blocked":false,"acls":["api-key:model:*"]}`, "dead/invalid"},
		means{"blocked", 200, nil, `{"redacted_api_key":"xai-...b14o","team_id":"5ea6","api_key_blocked":true,"api_key_disabled":false,"team_blocked":false,"acls":[]}`, "live/blocked org_disabled"},
		means{"unknown", 400, nil, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***14. You can obtain an API key from https://console.x.ai."}`, "dead/invalid"},
		means{"somebody's 400", 400, nil, `{"error":"Bad Request"}`, "unknown/intercepted"},
	)
}

func TestGeminiRefusesUnder400(t *testing.T) {
	const info = `"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]`
	inverted(t, "gemini", nil,
		means{"unknown", 400, nil, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT",` + info + `}}`, "dead/invalid"},
		means{"expired, with the same reason", 400, nil, `{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT",` + info + `}}`, "dead/expired"},
		means{"leaked, under 403", 403, nil, `{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}`, "dead/revoked"},
		means{"livekey's own bad request", 400, nil, `{"error":{"code":400,"message":"Invalid value at page_size","status":"INVALID_ARGUMENT"}}`, "unknown/unsupported"},
	)
}

func TestGrafanaCloudKnowsATokenUnder401(t *testing.T) {
	inverted(t, "grafana-cloud", map[string]string{"region": "us"},
		means{"good, without the scope", 401, nil, `{"code":"InvalidCredentials","message":"Token missing required scope","requestId":"1"}`, "live/limited_scope"},
		means{"bad", 401, nil, `{"code":"InvalidCredentials","message":"Token invalid","requestId":"1"}`, "dead/invalid"},
		means{"somebody's 401", 401, nil, `{"message":"Unauthorized"}`, "unknown/unauthenticated"},
	)
}

func TestOpenAISaysWith401ThatAScopeIsMissing(t *testing.T) {
	inverted(t, "openai", nil,
		means{"good, without a scope", 401, nil, `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error","param":null,"code":"missing_scope"}}`, "live/limited_scope"},
		means{"good, without a scope, under the code of a bad one", 401, nil, `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, "live/limited_scope"},
		means{"bad", 401, nil, `{"error":{"message":"Incorrect API key provided: sk-proj-****abcd.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, "dead/invalid"},
		means{"no credit, under 429", 429, nil, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, "live/blocked no_credit"},
	)
}

// Not of the list, and no less a trap: every refusal of Figma's is a 403, and a 403 of
// Auth0's is its yes.
func TestFigmaSaysEverythingWith403(t *testing.T) {
	inverted(t, "figma", nil,
		means{"bad", 403, nil, `{"status":403,"err":"Invalid token"}`, "dead/invalid"},
		means{"good, without a scope", 403, nil, `{"status":403,"err":"Invalid scope(s): file_content:read. This endpoint requires the current_user:read scope"}`, "live/limited_scope"},
	)
}

func TestAuth0SaysYesWith403(t *testing.T) {
	inverted(t, "auth0", nil,
		means{"good", 403, nil, `{"error":"invalid_grant","error_description":"Invalid authorization code"}`, "live/valid"},
		means{"bad", 401, nil, `{"error":"access_denied","error_description":"Unauthorized"}`, "dead/invalid"},
	)
}

func TestMapboxRefusesUnder200(t *testing.T) {
	inverted(t, "mapbox", nil,
		means{"good", 200, nil, `{"code":"TokenValid","token":{"usage":"sk","user":"acme"}}`, "live/valid"},
		means{"bad", 200, nil, `{"code":"TokenInvalid"}`, "dead/invalid"},
		means{"expired", 200, nil, `{"code":"TokenExpired"}`, "dead/expired"},
	)
}
