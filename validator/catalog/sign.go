package catalog

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/livekey/livekey/validator"
)

// signedBy is the field of sign that names the code.
const signedBy = "by"

// signature is a file's sign, its templates read.
type signature struct {
	by   string
	with map[string]template
}

func newSignature(sign map[string]string) *signature {
	if len(sign) == 0 {
		return nil
	}
	s := &signature{by: sign[signedBy], with: map[string]template{}}
	for name, text := range sign {
		if name != signedBy {
			s.with[name], _ = parseTemplate(text)
		}
	}
	return s
}

// sign lets the code sign r.
func (s *signature) sign(r *http.Request, with validator.Signer, body string, part func(string) string, params map[string]string) error {
	told := validator.Signing{Body: body, Part: part, With: map[string]string{}, Now: time.Now()}
	for name, t := range s.with {
		told.With[name], _ = t.render(func(name string) string { return params[name] })
	}
	return with(r, told)
}

// signers checks that the code which the file names is there.
func (f *file) signers(known map[string]validator.Signer) error {
	requests := []*request{f.Request}
	for i := range f.Variants {
		requests = append(requests, f.Variants[i].Request)
	}
	for _, r := range requests {
		if r != nil && len(r.Sign) > 0 && known[r.Sign[signedBy]] == nil {
			return noCode("request.sign", r.Sign[signedBy], slices.Sorted(maps.Keys(known)))
		}
	}
	return nil
}

func (f *file) checkSign(fs *faults, r *request) {
	if len(r.Sign) == 0 {
		return
	}
	if !nameForm.MatchString(r.Sign[signedBy]) {
		fs.add(r.node, "sign.by", "must be the name of code that signs")
	}
	for name, text := range r.Sign {
		t, err := parseTemplate(text)
		if err != nil || !sendable(text) || !nameForm.MatchString(name) {
			fs.add(r.node, "sign."+name, "must be one line, with placeholders written {{name}}")
			continue
		}
		for _, param := range t.names() {
			if _, ok := f.Params[param]; !ok || name == signedBy {
				fs.add(r.node, "sign."+name, "{{%s}} is no parameter; the code takes the parts by itself", param)
			}
		}
	}
}
