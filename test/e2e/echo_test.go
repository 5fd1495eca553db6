package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// credentials are what a request came with, whoever it was for.
func credentials(r *http.Request) string {
	for _, name := range []string{"X-Api-Key", "X-Vault-Token"} {
		if v := r.Header.Get(name); v != "" {
			return v
		}
	}
	if v, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return v
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16)) // a login's
	return strings.NewReplacer("\n", "", "\r", "").Replace(string(body))
}

// echoes are far ends that repeat the credential wherever a client may look: in
// bodies, in headers, in what is no HTTP at all.
func echoes() []trouble {
	var all []trouble
	headers := []string{
		"Request-Id", "X-Request-Id", "Anthropic-Organization-Id", "Anthropic-Workspace-Id", "Openai-Organization",
		"Openai-Project", "Retry-After", "Www-Authenticate", "Server", "Warning", "Set-Cookie",
	}
	for _, status := range []int{200, 400, 401, 403, 404, 429, 500, 503} {
		all = append(all, trouble{fmt.Sprintf("%d echoes", status), func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			v := credentials(r)
			for _, h := range headers {
				w.Header().Set(h, v)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"type":"error","error":{"type":"authentication_error","code":"invalid_api_key","message":"invalid x-api-key %[1]s"},`+
				`"request_id":%[1]q,"errors":[%[1]q],"warnings":[%[1]q],"data":[{"id":%[1]q}],"id":%[1]q}`, v)
		}})
	}
	raw := func(name, format string) {
		all = append(all, trouble{name, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			v := credentials(r)
			conn := hijack(w)
			_, _ = io.WriteString(conn, strings.ReplaceAll(format, "VALUE", v))
			_ = conn.Close()
		}})
	}
	raw("no HTTP but the value", "VALUE\r\n\r\n")
	raw("the value as version", "HTTP/VALUE 200 OK\r\n\r\n")
	raw("the value as status", "HTTP/1.1 VALUE\r\n\r\n")
	raw("the value as reason", "HTTP/1.1 401 VALUE\r\nContent-Length: 0\r\n\r\n")
	raw("the value as header line", "HTTP/1.1 200 OK\r\nVALUE\r\n\r\n")
	raw("the value as length", "HTTP/1.1 200 OK\r\nContent-Length: VALUE\r\n\r\n")
	raw("the value as transfer encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: VALUE\r\n\r\n")
	raw("the value as content encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: VALUE\r\nContent-Length: 1\r\n\r\nx")
	raw("the value as chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nVALUE\r\n")
	raw("the value as place", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/VALUE\r\nContent-Length: 0\r\n\r\n")
	raw("the value as impossible place", "HTTP/1.1 302 Found\r\nLocation: http://[VALUE\r\nContent-Length: 0\r\n\r\n")
	raw("the value as key of JSON", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":{\"VALUE\":\"VALUE\"},\"VALUE\":{\"VALUE\":")
	raw("the value as content type", "HTTP/1.1 401 Unauthorized\r\nContent-Type: VALUE\r\nContent-Length: 0\r\n\r\n")
	return all
}
