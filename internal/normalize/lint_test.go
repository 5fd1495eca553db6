package normalize_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
)

// good has the shape of a real key, and is none.
const good = "sk-ant-api03-qP7vXw2LkTz9RfNb4HcYsJ8mGdQ3eUaV6oKiWx1ZtB5nMyCpEr0Lh-_gDjSuFqAA"

var foreign = map[string]string{
	"sk-":     "OpenAI",
	"sk-ant-": "Anthropic",
	"ghp_":    "GitHub",
}

// input is a record that is its own value.
func input(form normalize.Form, value string) normalize.Input {
	return normalize.Input{
		Data:            secret.New([]byte(value)),
		Refs:            map[key.Part]key.Ref{key.DefaultPart: {Location: key.Location{Source: "file", Path: "/etc/keys/a"}}},
		Form:            form,
		OwnPrefixes:     []string{"sk-ant-api", "sk-ant-"},
		ForeignPrefixes: foreign,
	}
}

func names(faults normalize.Faults) (all []normalize.Name) {
	for _, f := range faults {
		all = append(all, f.Name)
	}
	return all
}

func TestLint(t *testing.T) {
	const tok, text, pem, json = normalize.Token, normalize.Text, normalize.PEM, normalize.JSON
	block := "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
	for _, test := range []struct {
		rule   string
		form   normalize.Form
		value  string
		want   []normalize.Name
		offset int // of the first
	}{
		{rule: "a good token passes", form: tok, value: good},
		{rule: "a token may have padding", form: tok, value: "QUJDREVGRw=="},
		{rule: "an own prefix may have an equals sign behind it", form: tok, value: "sk-ant-_abc=_def"},
		{rule: "text may have blanks, quotes and any script inside", form: text, value: `it's a "пароль" 🔑 of many words`},
		{rule: "text may have line breaks inside", form: text, value: "one\ntwo"},
		{rule: "text may begin with a quote", form: text, value: `"7xQ`},
		{rule: "a DSN may begin with a name", form: text, value: "host=db.internal user=app"},
		{rule: "a URL with a password passes", form: text, value: "postgres://app:p%40ss@db.internal/app?sslmode=verify-full"},
		{rule: "a JSON list passes as text", form: text, value: `["a","b"]`},
		{rule: "a dollar sign passes in a password", form: text, value: "a$b$(c"},
		{rule: "a PEM block ends in a newline", form: pem, value: block},
		{rule: "a PEM block may have Windows line ends", form: pem, value: strings.ReplaceAll(block, "\n", "\r\n")},
		{rule: "a JSON document may end in a newline", form: json, value: "{\"type\": \"service_account\"}\n"},

		{"nothing", tok, "", []normalize.Name{normalize.Empty}, 0},
		{"only blanks and newlines", text, " \n", []normalize.Name{normalize.Empty, normalize.TrailingNewline, normalize.Blanks}, 0},
		{"only quotes", tok, `""`, []normalize.Name{normalize.Empty, normalize.Quotes}, 0},
		{"an empty PEM file", pem, "\n", []normalize.Name{normalize.Empty, normalize.NotPEM}, 0},

		{"a byte order mark", tok, "\ufeff" + good, []normalize.Name{normalize.ByteOrderMark}, 0},
		{"a byte order mark before text", text, "\ufeffsecret", []normalize.Name{normalize.ByteOrderMark}, 0},
		{"UTF-16", text, "\xff\xfea\x00b\x00", []normalize.Name{normalize.ByteOrderMark, normalize.NUL}, 0},
		{"NUL", text, "ab\x00cd", []normalize.Name{normalize.NUL}, 2},

		{"a trailing newline", tok, good + "\n", []normalize.Name{normalize.TrailingNewline}, len(good)},
		{"a trailing newline after text", text, "hunter22\n", []normalize.Name{normalize.TrailingNewline}, 8},
		{"two trailing newlines are one fault", tok, good + "\n\n", []normalize.Name{normalize.TrailingNewline}, len(good)},
		{"CRLF at the end", tok, good + "\r\n", []normalize.Name{normalize.CRLF, normalize.TrailingNewline}, len(good)},
		{"CRLF inside text", text, "a\r\nb", []normalize.Name{normalize.CRLF}, 1},
		{"a leading newline", tok, "\n" + good, []normalize.Name{normalize.Blanks}, 0},
		{"a leading blank", text, " hunter22", []normalize.Name{normalize.Blanks}, 0},
		{"a trailing blank", tok, good + " ", []normalize.Name{normalize.Blanks}, len(good)},
		{"a trailing tab", tok, good + "\t", []normalize.Name{normalize.Blanks}, len(good)},
		{"a trailing no-break space", tok, good + "\u00a0", []normalize.Name{normalize.Blanks}, len(good)},
		{"a blank and a newline at the end", tok, good + " \n", []normalize.Name{normalize.TrailingNewline, normalize.Blanks}, len(good) + 1},
		{"a blank inside", tok, "sk-ant-api03-ab cd", []normalize.Name{normalize.InnerBlank}, 15},
		{"a line break inside", tok, "sk-ant-api03-ab\ncd", []normalize.Name{normalize.InnerBlank}, 15},

		{"double quotes around", tok, `"` + good + `"`, []normalize.Name{normalize.Quotes}, 0},
		{"single quotes around text", text, `'hunter22'`, []normalize.Name{normalize.Quotes}, 0},
		{"typographic quotes around", tok, "“" + good + "”", []normalize.Name{normalize.Quotes}, 0},
		{"a typographic quote after text", text, "hunter22”", []normalize.Name{normalize.Quotes}, 8},
		{"a backtick inside a token", tok, "sk-ant-ab`cd", []normalize.Name{normalize.Quotes}, 9},

		{"Bearer before it", tok, "Bearer " + good, []normalize.Name{normalize.BearerPrefix, normalize.InnerBlank}, 0},
		{"bearer in lower case, in quotes", text, `"bearer hunter22"`, []normalize.Name{normalize.BearerPrefix, normalize.Quotes}, 1},
		{"a whole Authorization header", tok, "Authorization: Bearer " + good, []normalize.Name{normalize.BearerPrefix, normalize.InnerBlank}, 0},
		{"Basic before a token", tok, "Basic dXNlcjpwYXNz", []normalize.Name{normalize.BearerPrefix, normalize.InnerBlank}, 0},
		{"another header before it", tok, "x-api-key: " + good, []normalize.Name{normalize.NamePrefix, normalize.InnerBlank}, 0},
		{"export before it", tok, "export ANTHROPIC_API_KEY=" + good, []normalize.Name{normalize.ExportPrefix, normalize.InnerBlank}, 0},
		{"set, of Windows, before it", text, "set PASSWORD=hunter22", []normalize.Name{normalize.ExportPrefix}, 0},
		{"its name before it", tok, "ANTHROPIC_API_KEY=" + good, []normalize.Name{normalize.NamePrefix}, 0},
		{"a name in lower case before a token", tok, "api_key = " + good, []normalize.Name{normalize.NamePrefix, normalize.InnerBlank}, 0},
		{"a variable's name before text", text, "DB_PASSWORD=hunter22", []normalize.Name{normalize.NamePrefix}, 0},

		{"a variable in braces", tok, "${ANTHROPIC_API_KEY}", []normalize.Name{normalize.UnexpandedVariable}, 0},
		{"a variable in braces inside text", text, "postgres://app:${DB_PASSWORD}@db/app", []normalize.Name{normalize.UnexpandedVariable}, 15},
		{"a variable alone", tok, "$ANTHROPIC_API_KEY", []normalize.Name{normalize.UnexpandedVariable}, 0},
		{"a variable of Windows", text, "%API_KEY%", []normalize.Name{normalize.UnexpandedVariable}, 0},
		{"a command", text, "$(cat /etc/key)", []normalize.Name{normalize.UnexpandedVariable}, 0},
		{"a template", text, "{{ .Values.apiKey }}", []normalize.Name{normalize.UnexpandedVariable}, 0},
		{"what Go's templates make of nothing", text, "<no value>", []normalize.Name{normalize.UnexpandedVariable, normalize.Placeholder}, 0},
		{"a reference of 1Password", tok, "op://vault/item/field", []normalize.Name{normalize.Reference}, 0},
		{"a reference of AWS", text, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", []normalize.Name{normalize.Reference}, 0},

		{"changeme", text, "changeme", []normalize.Name{normalize.Placeholder}, 0},
		{"CHANGE_ME in quotes", tok, `"CHANGE_ME"`, []normalize.Name{normalize.Placeholder, normalize.Quotes}, 1},
		{"a row of x", tok, "xxxx", []normalize.Name{normalize.Placeholder}, 0},
		{"a row of x behind the prefix", tok, "sk-ant-api03-xxxxxxxxxxxx", []normalize.Name{normalize.Placeholder}, 13},
		{"your-api-key", text, "your-api-key", []normalize.Name{normalize.Placeholder}, 0},
		{"your key behind the prefix", tok, "sk-ant-your-api-key", []normalize.Name{normalize.Placeholder}, 7},
		{"insert key here", text, "insert your key here", []normalize.Name{normalize.Placeholder}, 0},
		{"angle brackets", text, "<api-key>", []normalize.Name{normalize.Placeholder}, 0},
		{"REDACTED", text, "[REDACTED]", []normalize.Name{normalize.Placeholder}, 0},
		{"what livekey prints for a value", tok, secret.New([]byte(good)).String(), []normalize.Name{normalize.Placeholder}, 7},
		{"a key cut with dots", tok, "sk-ant-api03-qP7v...", []normalize.Name{normalize.Placeholder}, 17},
		{"stars", text, "********", []normalize.Name{normalize.Placeholder}, 0},
		{"a key of AWS's documentation", tok, "AKIAIOSFODNN7EXAMPLE", []normalize.Name{normalize.Placeholder}, 13},

		{"a zero-width space inside", tok, "sk-ant-ab\u200bcd", []normalize.Name{normalize.ZeroWidth}, 9},
		{"a zero-width space after text", text, "hunter22\u200b", []normalize.Name{normalize.ZeroWidth}, 8},
		{"a byte order mark inside", text, "hunter\ufeff22", []normalize.Name{normalize.ZeroWidth}, 6},
		{"a right-to-left mark", tok, good + "\u200f", []normalize.Name{normalize.ZeroWidth}, len(good)},
		{"an escape sequence", text, "\x1b[31mhunter22", []normalize.Name{normalize.Control}, 0},
		{"DEL", tok, "sk-ant-ab\x7f", []normalize.Name{normalize.Control}, 9},
		{"a letter that only looks like ASCII", tok, "sk-ant-аbc", []normalize.Name{normalize.NonASCII}, 7},
		{"a byte that is no text", tok, "sk-ant-\xff", []normalize.Name{normalize.NonASCII}, 7},

		{"pasted twice", tok, good + good, []normalize.Name{normalize.Doubled}, len(good)},
		{"pasted twice, on two lines", tok, good + "\n" + good, []normalize.Name{normalize.Doubled, normalize.InnerBlank}, len(good) + 1},
		{"pasted twice, with CRLF between", tok, good + "\r\n" + good, []normalize.Name{normalize.CRLF, normalize.Doubled, normalize.InnerBlank}, len(good)},
		{"another issuer's prefix", tok, "ghp_0123456789", []normalize.Name{normalize.ForeignPrefix}, 0},
		{"another issuer's prefix, in quotes", text, `"sk-proj-abc"`, []normalize.Name{normalize.Quotes, normalize.ForeignPrefix}, 0},
		{"base64 that was not announced", tok, "c2stYW50LWFwaTAzLWFiY2RlZg==", []normalize.Name{normalize.Base64}, 0},

		{"a PEM file that is cut", pem, "-----BEGIN PRIVATE KEY-----\nMC4C\n", []normalize.Name{normalize.NotPEM}, 0},
		{"a PEM text with escaped line breaks", pem, strings.ReplaceAll(block, "\n", `\n`), []normalize.Name{normalize.NotPEM, normalize.EscapedNewline}, 0},
		{"a JSON document that is cut", json, `{"type": "serv`, []normalize.Name{normalize.NotJSONValue}, 14},
		{"a JSON document that was quoted again", json, `"{\"type\": 1}"`, []normalize.Name{normalize.NotJSONValue}, 0},
	} {
		t.Run(test.rule, func(t *testing.T) {
			values, faults := normalize.Normalize(input(test.form, test.value))
			if got := names(faults); !slices.Equal(got, test.want) {
				t.Fatalf("faults are %v, want %v", got, test.want)
			}
			if test.want == nil {
				if !values[key.DefaultPart].Equal(secret.New([]byte(test.value))) {
					t.Error("the value is not what is stored")
				}
				return
			}
			if values != nil {
				t.Error("a faulty key has values")
			}
			if faults[0].Offset != test.offset {
				t.Errorf("offset is %d, want %d", faults[0].Offset, test.offset)
			}
			for _, f := range faults {
				if f.Line == 0 || f.Detail == "" || !strings.Contains(f.Error(), string(f.Name)) {
					t.Errorf("fault %+v does not say what, where and what to do", f)
				}
			}
		})
	}
}

func TestEveryRuleHasACaseAndCanBeAllowed(t *testing.T) {
	breaks := map[string]normalize.Input{
		"bom":                 input(normalize.Text, "\ufeffa"),
		"nul":                 input(normalize.Text, "a\x00"),
		"not_pem":             input(normalize.PEM, "a"),
		"escaped_newline":     input(normalize.PEM, "-----BEGIN A-----\nMC4C\n-----END A-----\n"+`\n`),
		"not_json_object":     input(normalize.JSON, "1"),
		"placeholder":         input(normalize.Text, "changeme"),
		"unexpanded_variable": input(normalize.Text, "${A}"),
		"reference":           input(normalize.Text, "op://a/b/c"),
		"export_prefix":       input(normalize.Text, "export A=b"),
		"name_prefix":         input(normalize.Text, "A_B=c"),
		"bearer_prefix":       input(normalize.Text, "Bearer a"),
		"base64":              input(normalize.Token, "c2stYW50LWFwaTAz"),
		"quotes":              input(normalize.Text, `"a"`),
		"crlf":                input(normalize.Text, "a\r\nb"),
		"trailing_newline":    input(normalize.Text, "a\n"),
		"blanks":              input(normalize.Text, " a"),
		"zero_width":          input(normalize.Text, "a\u200b"),
		"control":             input(normalize.Text, "a\x01"),
		"doubled":             input(normalize.Token, good+good),
		"inner_blank":         input(normalize.Token, "a b"),
		"non_ascii":           input(normalize.Token, "aé"),
		"foreign_prefix":      input(normalize.Text, "ghp_a"),
	}
	for _, name := range normalize.Allowable() {
		in, ok := breaks[name]
		if !ok {
			t.Errorf("%s has no case", name)
			continue
		}
		if _, faults := normalize.Normalize(in); !slices.Equal(names(faults), []normalize.Name{normalize.Name(name)}) {
			t.Errorf("%s: faults are %v", name, names(faults))
		}
		in.Allow = []string{name}
		values, faults := normalize.Normalize(in)
		if faults != nil || !values[key.DefaultPart].Equal(in.Data) {
			t.Errorf("%s allowed: faults are %v, or the value is not what is stored", name, names(faults))
		}
	}
	if got, want := len(normalize.Allowable()), len(breaks); got != want {
		t.Errorf("%d names can be allowed, %d have a case", got, want)
	}

	in := input(normalize.Text, "")
	in.Allow = []string{"empty"}
	if _, faults := normalize.Normalize(in); faults == nil {
		t.Error("an empty value was allowed")
	}
}

func TestTheIssuerOfAForeignPrefixIsNamed(t *testing.T) {
	in := input(normalize.Token, good)
	in.OwnPrefixes = []string{"sk-", "sk-proj-"}
	_, faults := normalize.Normalize(in)
	if len(faults) != 1 || faults[0].Name != normalize.ForeignPrefix || !strings.Contains(faults[0].Detail, "Anthropic") {
		t.Errorf("faults are %v: the longest prefix decides, and its issuer is named", faults)
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		rule, value          string
		offset, line, column int
	}{
		{"a fault in the first line", "ab\x01", 2, 1, 3},
		{"a fault in a later line", "ab\ncd\x01", 5, 2, 3},
		{"columns count characters, offsets bytes", "ключ\x01", 8, 1, 5},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, faults := normalize.Normalize(input(normalize.Text, test.value))
			if len(faults) != 1 {
				t.Fatalf("faults are %v", names(faults))
			}
			if f := faults[0]; f.Offset != test.offset || f.Line != test.line || f.Column != test.column {
				t.Errorf("byte %d, line %d, column %d; want %d, %d, %d", f.Offset, f.Line, f.Column, test.offset, test.line, test.column)
			}
		})
	}
}
