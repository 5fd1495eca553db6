package config

import (
	"regexp"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/key"
)

// WatchedLog is a log in which a consumer says that an issuer refused the key.
type WatchedLog struct {
	Unit     string       // whose journal it is; "": a file
	Path     string       // of the file
	Match    string       // a text that such a line has, as it stands
	Pattern  string       // or an expression of RE2
	Consumer key.Consumer // who writes it; "": nobody says
	Node     Node
}

// reportsSpec is reports as the file writes it.
type reportsSpec struct {
	Journal Node `yaml:"journal"`
	File    Node `yaml:"file"`
}

type journalSpec struct {
	Unit     string `yaml:"unit"`
	lineSpec `yaml:",inline"`
}

type fileSpec struct {
	Path     string `yaml:"path"`
	Consumer string `yaml:"consumer"`
	lineSpec `yaml:",inline"`
}

// lineSpec says which lines count.
type lineSpec struct {
	Match   string `yaml:"match"`
	Pattern string `yaml:"pattern"`
}

// reports reads the logs that a key's consumers write.
func (b *builder) reports(n Node) []WatchedLog {
	if n.yaml == nil {
		return nil
	}
	var spec reportsSpec
	b.take(n.Decode(&spec))
	var all []WatchedLog
	for _, item := range each(spec.Journal) {
		var s journalSpec
		b.take(item.Decode(&s))
		if !unitName.MatchString(s.Unit) || len(s.Unit) > 255 {
			b.add(item.fault("unit", "must be the name of a service", "write it as systemctl shows it: app.service, worker@1.service"))
		}
		if s.Unit == ownUnit {
			b.add(item.fault("unit", "livekey would hear itself", "name the service that uses the key"))
		}
		all = append(all, WatchedLog{Unit: s.Unit, Consumer: key.NewConsumer(key.ConsumerUnit, s.Unit), Match: s.Match, Pattern: s.Pattern, Node: item})
		b.counts(item, s.lineSpec)
	}
	for _, item := range each(spec.File) {
		var s fileSpec
		b.take(item.Decode(&s))
		b.absolute(item, "path", s.Path)
		w := WatchedLog{Path: s.Path, Match: s.Match, Pattern: s.Pattern, Node: item}
		if s.Consumer != "" {
			var err error
			if w.Consumer, err = key.ParseConsumer(s.Consumer); err != nil {
				b.add(item.fault("consumer", err.Error(), ""))
			}
		}
		all = append(all, w)
		b.counts(item, s.lineSpec)
	}
	return all
}

// counts holds that it is said which lines count.
func (b *builder) counts(n Node, s lineSpec) {
	switch {
	case s.Match == "" && s.Pattern == "":
		b.add(n.fault("match", "required", "write a text that a line about a refusal has, or pattern: for an expression"))
	case s.Match != "" && s.Pattern != "":
		b.add(n.fault("pattern", "beside match, nobody knows which counts", "keep one of them"))
	case s.Pattern != "":
		switch re, err := regexp.Compile(s.Pattern); {
		case err != nil:
			b.add(n.fault("pattern", "is no expression of RE2", "https://github.com/google/re2/wiki/Syntax says what is one"))
		case re.MatchString(""):
			b.add(n.fault("pattern", "matches an empty line, and so every line", "name what only a line about a refusal has"))
		}
	}
}

// each is an entry, or every entry of a list of them.
func each(n Node) []Node {
	y := target(n.yaml)
	switch {
	case n.empty():
		return nil
	case y.Kind != yaml.SequenceNode:
		return []Node{n}
	}
	all := make([]Node, len(y.Content))
	for i, item := range y.Content {
		all[i] = n.item(i, item)
	}
	return all
}

// showReports are the logs of a key, each in a list; nil if there are none.
func showReports(logs []WatchedLog) *yaml.Node {
	if len(logs) == 0 {
		return nil
	}
	entry := func(w WatchedLog) *yaml.Node {
		n := mapping("unit", optional(w.Unit), "path", optional(w.Path), "match", optional(w.Match), "pattern", optional(w.Pattern))
		if w.Unit == "" && w.Consumer != "" {
			n.Content = append(n.Content, text("consumer"), text(string(w.Consumer)))
		}
		return n
	}
	kind := func(journal bool) *yaml.Node {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, w := range logs {
			if (w.Unit != "") == journal {
				list.Content = append(list.Content, entry(w))
			}
		}
		if len(list.Content) == 0 {
			return nil
		}
		return list
	}
	return mapping("journal", kind(true), "file", kind(false))
}
