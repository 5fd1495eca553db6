package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// CheckParts says what is wrong with the parts that a key has, for this provider: one
// is missing, or it knows nothing of one.
func (p *Provider) CheckParts(given []key.Part) error {
	f := p.file
	for _, part := range given {
		if !f.isPart(string(part)) {
			return fmt.Errorf("provider %s has no part %q: %s", f.ID, part, f.partsInWords())
		}
	}
	for _, part := range f.parts() {
		if !slices.Contains(given, key.Part(part)) && !slices.Contains(f.Optional, part) {
			return fmt.Errorf("part %s is missing: %s", part, f.partsInWords())
		}
	}
	return nil
}

func (f *file) partsInWords() string {
	if len(f.parts()) == 1 {
		return "its keys have the one part " + f.parts()[0]
	}
	var pairs []string
	for _, part := range f.parts() {
		if variable := f.Recognize.variableOf(part); variable != "" && !slices.Contains(f.Optional, part) {
			pairs = append(pairs, variable+": "+part)
		}
	}
	return "its keys are proved with all parts together, as in env: {" + strings.Join(pairs, ", ") + "}"
}

// PartOf is the part that a variable of this exact name has; ok is false if the
// provider does not know it, or its keys have one part alone.
func (p *Provider) PartOf(variable string) (part key.Part, ok bool) {
	name, ok := p.file.Recognize.partOf(variable)
	return key.Part(name), ok
}

// hasAll says whether each variable has a part of one key of this provider.
func (p *Provider) hasAll(variables []string) bool {
	return !slices.ContainsFunc(variables, func(v string) bool { _, ok := p.PartOf(v); return !ok })
}

func (r *recognize) partOf(variable string) (part string, ok bool) {
	if part, ok = r.Parts[variable]; !ok {
		part, ok = r.Beside[variable]
	}
	return part, ok
}

// all are the variables in which a key of this provider may be, its own first.
func (r *recognize) all() []string {
	return slices.Concat(r.Variables, slices.Sorted(maps.Keys(r.Beside)))
}

func (r *recognize) variableOf(part string) string {
	for _, variable := range r.all() {
		if named, _ := r.partOf(variable); named == part {
			return variable
		}
	}
	return ""
}

// checkParts keeps what is said about parts together.
func (f *file) checkParts(fs *faults) {
	for _, part := range f.Optional {
		if !f.isPart(part) || part == f.parts()[0] {
			fs.add(f.node, "optional", "names parts other than the first, by which classes are told apart")
		}
	}
	for _, part := range f.Public {
		if !f.isPart(part) || len(f.Parts) < 2 {
			fs.add(f.node, "public", "names some of several parts")
		}
	}
	if len(f.Parts) > 1 {
		for _, variable := range f.Recognize.Variables {
			if f.Recognize.Parts[variable] == "" {
				fs.add(f.node, "recognize.parts", "does not say which part a variable has")
			}
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(f.Recognize.Parts)) {
		if !slices.Contains(f.Recognize.Variables, variable) || !f.isPart(f.Recognize.Parts[variable]) {
			fs.add(f.node, "recognize.parts", "is a map of variables to parts, and knows both")
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(f.Recognize.Beside)) {
		if slices.Contains(f.Recognize.Variables, variable) || len(f.Parts) < 2 || !f.isPart(f.Recognize.Beside[variable]) {
			fs.add(f.node, "recognize.beside", "is a map of variables that are other providers' to parts, of a key that has several")
		}
	}
	for i := range f.Variants {
		v := &f.Variants[i]
		for _, part := range v.Requires {
			if !slices.Contains(f.Optional, part) {
				fs.add(v.node, "requires", "names optional parts")
			}
		}
	}
}
