package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   any // of JSON, with numbers as json.Number, or of XML as if it were; nil if the body is neither
	facts  any // what code decoded from the value, nil if none did
}

func readAnswer(resp *http.Response) (*answer, error) {
	body, err := httpclient.ReadAll(resp.Body, httpclient.MaxProviderBody)
	if err != nil {
		return nil, err
	}
	return newAnswer(resp.StatusCode, resp.Header, body), nil
}

func newAnswer(status int, header http.Header, body []byte) *answer {
	a := &answer{status: status, header: header, body: body}
	if !json.Valid(body) { // a Decoder would take what stands in front of something else
		a.json = parseXML(body)
		return a
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // two ids of 17 digits are two: a float64 is the same for both
	if err := d.Decode(&a.json); err != nil {
		a.json = nil
	}
	return a
}

// gate judges answers that say nothing about a key whoever its issuer is, in
// this order. ok is false if none of it holds, and the provider's rules decide. A word
// that a rule knows is no page, even where its issuer calls it HTML.
func (a *answer) gate(now time.Time, word bool) (v key.Verdict, ok bool) {
	page := a.isHTML() && !word
	switch {
	case a.status < 200:
		v = unknown(key.Intercepted, "an interim answer came where a final one belongs")
	case a.status/100 == 3:
		v = unknown(key.Intercepted, fmt.Sprintf("the call was redirected (%d), and livekey follows no redirect with a key; is base_url right?", a.status))
	case a.fromProxy():
		v = unknown(key.Intercepted, fmt.Sprintf("a proxy answered (%d) in the issuer's place", a.status))
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly, a.status >= 500:
		v = unknown(key.Transient, fmt.Sprintf("the issuer has a problem of its own (%d)", a.status))
		v.RetryAfter = httpclient.RetryAfter(a.header.Get("Retry-After"), now)
	case page && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden):
		v = unknown(key.Unauthenticated, fmt.Sprintf("refused by a web page (%d), which a firewall sends and the issuer does not", a.status))
	case page:
		v = unknown(key.Intercepted, fmt.Sprintf("a web page (%d) came where the issuer's answer belongs: a captive portal or proxy", a.status))
	case a.isMedia():
		v = unknown(key.Intercepted, fmt.Sprintf("a picture, a film or plain bytes (%d) came where the issuer's answer belongs", a.status))
	default:
		return key.Verdict{}, false
	}
	return v, true
}

func (a *answer) fromProxy() bool {
	return a.status == http.StatusProxyAuthRequired ||
		a.status == http.StatusNetworkAuthenticationRequired ||
		len(a.header.Values("Proxy-Authenticate")) > 0 ||
		len(a.header.Values("X-Squid-Error")) > 0 ||
		strings.Contains(strings.ToLower(a.header.Get("WWW-Authenticate")), "proxy")
}

func (a *answer) isHTML() bool {
	if strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "html") {
		return true
	}
	head := bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 256)]))
	return bytes.HasPrefix(head, []byte("<!doctype")) || bytes.HasPrefix(head, []byte("<html"))
}

// media are content types in which no API answers, whatever is inside.
var media = []string{"image/", "audio/", "video/", "font/", "text/css", "application/octet-stream", "application/pdf", "application/zip"}

func (a *answer) isMedia() bool {
	is := strings.ToLower(a.header.Get("Content-Type"))
	return slices.ContainsFunc(media, func(kind string) bool { return strings.HasPrefix(is, kind) })
}

// shape is what this answer has in common with every other of its kind: the status, the
// names of fields and headers, and a sum of the words. Two gateways may have the same fields,
// and do not say the same.
func (a *answer) shape() string {
	var keys []string
	words := fnv.New64a()
	if a.json == nil {
		addWords(words, string(a.body[:min(len(a.body), 256)]))
	}
	jsonKeys("", a.json, 3, &keys, words)
	slices.Sort(keys)
	headers := slices.DeleteFunc(slices.Sorted(maps.Keys(a.header)), func(h string) bool { return varies[h] })
	return fmt.Sprintf("%d %s %s %x", a.status, strings.Join(slices.Compact(keys), ","), strings.Join(headers, ","), words.Sum64())
}

// addWords adds what is a word in a text: ids, times and pieces of keys have other
// characters inside than letters.
func addWords(sum io.Writer, text string) {
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, `.,:;!?'"()`)
		if !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) {
			_, _ = io.WriteString(sum, word+" ")
		}
	}
}

// varies are headers that come and go between equal answers.
var varies = map[string]bool{
	"Age": true, "Connection": true, "Content-Length": true, "Date": true,
	"Keep-Alive": true, "Retry-After": true, "Set-Cookie": true, "Transfer-Encoding": true,
}

func jsonKeys(path string, v any, depth int, keys *[]string, words io.Writer) {
	if text, ok := v.(string); ok {
		addWords(words, text)
	}
	object, ok := v.(map[string]any)
	if !ok || depth == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		*keys = append(*keys, path+"/"+name)
		jsonKeys(path+"/"+name, object[name], depth-1, keys, words)
	}
}

// clocksDiffer is by how much at least clocks have to differ to be worth a word.
const clocksDiffer = 2 * time.Minute

// skew says by how much the clock of who answered differs from this machine's: of many
// a refusal it is the cause. What a cache kept says nothing.
func (a *answer) skew(now time.Time) string {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil || a.header.Get("Age") != "" {
		return ""
	}
	switch by := date.Sub(now).Round(time.Minute); {
	case by >= clocksDiffer:
		return fmt.Sprintf("; the clock of this machine is %s behind that of who answered", by)
	case by <= -clocksDiffer:
		return fmt.Sprintf("; the clock of this machine is %s ahead of that of who answered", -by)
	}
	return ""
}

// requestID is the id under which the issuer's support finds the call.
func (a *answer) requestID() string {
	for _, name := range []string{"Request-Id", "X-Request-Id", "X-Amzn-Requestid", "Cf-Ray"} {
		if id := a.header.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// unread judges an answer whose body could not be read.
func unread(err error, host string, named bool) key.Verdict {
	if errors.Is(err, httpclient.ErrTooLarge) {
		return unknown(key.Intercepted, "an answer larger than 512 KiB came, which is not the issuer's")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return unknown(key.Transient, host+": the answer was cut off")
	}
	return unreached(err, host, named)
}

func unknown(r key.Reason, detail string) key.Verdict {
	return key.Verdict{Reason: r, Detail: detail}
}
