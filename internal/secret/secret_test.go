package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/secret"
)

const canary = "canary-4f9a7c1e-do-not-print-me"

// The places in which a value may stand when somebody prints a struct.
type holder struct {
	Public  secret.Value
	Pointer *secret.Value
	Map     map[string]secret.Value
	Slice   []secret.Value
	Any     any
	private secret.Value
	deep    *inner
}

type inner struct {
	value  secret.Value
	values map[string]*secret.Value
}

func filled(text string) holder {
	v := secret.New([]byte(text))
	return holder{v, &v, map[string]secret.Value{"k": v}, []secret.Value{v}, v, v, &inner{v, map[string]*secret.Value{"k": &v}}}
}

// exported is holder without what gob and xml cannot write at all.
type exported struct {
	Public  secret.Value
	Pointer *secret.Value
	Slice   []secret.Value
}

func shown(v secret.Value) exported { return exported{v, &v, []secret.Value{v}} }

// sees says whether out has eight bytes of the canary, in any of the ways in which
// a printer writes bytes.
func sees(out string) bool {
	for i := range len(canary) - 7 {
		part := []byte(canary[i : i+8])
		for _, form := range []string{
			string(part), hex.EncodeToString(part), fmt.Sprintf("%X", part), fmt.Sprintf("% x", part),
			strings.Trim(fmt.Sprint(part), "[]"), strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"),
			strings.ReplaceAll(strings.Trim(fmt.Sprint(part), "[]"), " ", ","),
			base64.StdEncoding.EncodeToString(part[:6]), base64.StdEncoding.EncodeToString(part[1:7]), base64.StdEncoding.EncodeToString(part[2:8]),
		} {
			if strings.Contains(out, form) {
				return true
			}
		}
	}
	return false
}

func TestTheJudgeSees(t *testing.T) {
	type plain struct{ b []byte }
	asJSON, err := json.Marshal([]byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		canary, "x" + canary[9:] + "y", fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("%v", plain{[]byte(canary)}),
		fmt.Sprintf("%#v", plain{[]byte(canary)}), string(asJSON), fmt.Sprintf("% x", canary),
	} {
		if !sees(out) {
			t.Errorf("did not see it in %s", out)
		}
	}
	if sees(canary[:7] + " " + canary[8:15]) {
		t.Error("seven bytes are not eight")
	}
}

func TestNoPrinterShowsAValue(t *testing.T) {
	v := secret.New([]byte(canary))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%20v"} {
		if out := fmt.Sprintf(verb, v); out != "secret:redacted" {
			t.Errorf("%s: %s", verb, out)
		}
	}
	h := filled(canary)
	targets := map[string]any{
		"the value": v, "a pointer": &v, "a pointer to a pointer": new(&v), "a struct": h, "a pointer to a struct": &h,
		"a slice": []any{v, h}, "a map": map[string]any{"a": v, "b": &h}, "an array": [2]secret.Value{v, v},
		"an error's argument": fmt.Errorf("key %v: %w", v, errors.New("refused")), "a function": v.Reveal,
	}
	for name, x := range targets {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%e", "%g", "%t", "%p", "%T", "%w", "%20v", "%.3s", "%-5q", "%08d", "%z"} {
			if out := fmt.Sprintf(verb, x); sees(out) {
				t.Errorf("%s with %s: %s", name, verb, out)
			}
		}
		if out := fmt.Sprint(x) + fmt.Sprintln(x); sees(out) {
			t.Errorf("%s with Sprint: %s", name, out)
		}
	}
}

func TestNoLoggerShowsAValue(t *testing.T) {
	v := secret.New([]byte(canary))
	h := filled(canary)
	var out bytes.Buffer
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	for name, handler := range map[string]slog.Handler{"text": slog.NewTextHandler(&out, opts), "json": slog.NewJSONHandler(&out, opts)} {
		out.Reset()
		log := slog.New(handler)
		log.With("with", v, "holder", h).WithGroup("g").Debug("m", "v", v, "p", &v, "h", h, "hp", &h, "any", []any{v}, slog.Group("x", "v", v), "err", fmt.Errorf("%v", h))
		if sees(out.String()) || !strings.Contains(out.String(), "secret:redacted") {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

func TestNoEncoderShowsAValue(t *testing.T) {
	v := secret.New([]byte(canary))
	h := filled(canary)
	for name, encode := range map[string]func(x any) ([]byte, error){
		"json":     func(x any) ([]byte, error) { return json.Marshal(x) },
		"indent":   func(x any) ([]byte, error) { return json.MarshalIndent(x, "", " ") },
		"yaml":     func(x any) ([]byte, error) { return yaml.Dump(x) },
		"old yaml": func(x any) ([]byte, error) { return yaml.Marshal(x) },
		"xml":      func(x any) ([]byte, error) { return xml.Marshal(x) },
		"gob": func(x any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(x)
			return b.Bytes(), err
		},
		"text/template": func(x any) ([]byte, error) {
			var b bytes.Buffer
			err := template.Must(template.New("").Parse(`{{.}} {{printf "%v %x" . .}} {{html .}} {{js .}}`)).Execute(&b, x)
			return b.Bytes(), err
		},
		"html/template": func(x any) ([]byte, error) {
			var b bytes.Buffer
			err := htmltemplate.Must(htmltemplate.New("").Parse(`<a b="{{.}}">{{.}}</a><script>x = {{.}}</script>`)).Execute(&b, x)
			return b.Bytes(), err
		},
	} {
		for what, x := range map[string]any{"the value": v, "a pointer": &v, "a struct": shown(v), "a slice": []secret.Value{v}} {
			out, err := encode(x)
			if err != nil {
				t.Errorf("%s of %s: %v", name, what, err)
			}
			if sees(string(out)) || !bytes.Contains(out, []byte("redacted")) {
				t.Errorf("%s of %s: %s", name, what, out)
			}
		}
		if out, err := encode(h); sees(string(out) + fmt.Sprint(err)) {
			t.Errorf("%s of a struct with private fields: %s, %v", name, out, err)
		}
	}
}

func TestNoDiffShowsAValue(t *testing.T) {
	other := "canary-4f9a7c1e-but-another-one"
	for name, diff := range map[string]func() string{
		"values":           func() string { return cmp.Diff(secret.New([]byte(canary)), secret.New([]byte(other))) },
		"structs by Equal": func() string { return cmp.Diff(shown(secret.New([]byte(canary))), shown(secret.New([]byte(other)))) },
		"structs, opened up": func() string {
			return cmp.Diff(filled(canary), filled(other), cmp.AllowUnexported(holder{}, inner{}, secret.Value{}))
		},
		"against nothing": func() string { return cmp.Diff(exported{}, shown(secret.New([]byte(canary)))) },
		"exported by force": func() string {
			return cmp.Diff(filled(canary), filled(other), cmp.Exporter(func(reflect.Type) bool { return true }))
		},
		"a failed test": func() string { return fmt.Sprintf("got %+v, want %+v", filled(canary), filled(other)) },
	} {
		out := diff()
		if sees(out) || out == "" {
			t.Errorf("%s: %q", name, out)
		}
	}
	if d := cmp.Diff(shown(secret.New([]byte(canary))), shown(secret.New([]byte(canary)))); d != "" {
		t.Errorf("equal values differ: %s", d)
	}
}

// walk follows everything that reflection can, as dumpers do, private fields too.
func walk(v reflect.Value, out *strings.Builder, depth int) {
	if depth > 20 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		walk(v.Elem(), out, depth+1)
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanAddr() {
				f = reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem() // around the rule of private fields
			}
			walk(f, out, depth+1)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(k, out, depth+1)
			walk(v.MapIndex(k), out, depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.CanInterface() {
			fmt.Fprintf(out, "%s ", v.Bytes())
		}
		for i := range v.Len() {
			walk(v.Index(i), out, depth+1)
		}
	case reflect.Func, reflect.Chan:
		fmt.Fprintf(out, "%v ", v)
	default:
		fmt.Fprintf(out, "%v ", v)
	}
}

func TestNoReflectionWalkReachesAValue(t *testing.T) {
	h := filled(canary)
	var out strings.Builder
	walk(reflect.ValueOf(&h), &out, 0)
	if sees(out.String()) {
		t.Error(out.String())
	}
	open := struct{ private []byte }{[]byte(canary)}
	out.Reset()
	walk(reflect.ValueOf(&open), &out, 0)
	if !sees(out.String()) {
		t.Errorf("the walk is blind: %s", out.String())
	}
}

func TestPanicShowsNoValue(t *testing.T) {
	defer func() {
		if out := fmt.Sprint(recover()); sees(out) {
			t.Error(out)
		}
	}()
	panic(filled(canary))
}

func TestValue(t *testing.T) {
	v := secret.New([]byte(canary))
	var zero secret.Value
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"reveals what it was given", string(v.Reveal()) == canary && v.Len() == len(canary)},
		{"the zero value is empty", zero.Reveal() == nil && zero.Len() == 0 && zero.String() == "secret:redacted"},
		{"equals the same bytes", v.Equal(secret.New([]byte(canary)))},
		{"differs from other bytes", !v.Equal(secret.New([]byte(canary[:len(canary)-1] + "x")))},
		{"differs from a prefix", !v.Equal(secret.New([]byte(canary[:5])))},
		{"differs from nothing", !v.Equal(zero) && !zero.Equal(v)},
		{"nothing equals nothing", zero.Equal(secret.New(nil))},
	} {
		if !c.ok {
			t.Error("not true: " + c.name)
		}
	}
	ran := false
	secret.Do(func() { ran = true })
	if !ran {
		t.Error("Do did not run its function")
	}
}
