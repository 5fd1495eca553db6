package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// The part of SARIF 2.1.0 that code scanners read: one result for each key that does not
// live, at the line that has it.
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
)

// sarifOf is what a code scanner is told of keys. A key that no file has is at
// "environment", since a scanner wants a file.
func sarifOf(checked []report.Checked, places map[key.Name]place) sarif {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "livekey", Version: thisBuild().Version, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	for _, c := range checked {
		level := map[code]string{notLive: "error", unknown: "warning"}[judgeOutcome(c.Outcome, c.Reason)]
		if level == "" {
			continue
		}
		rule := c.Outcome.String() + "/" + string(c.Reason)
		if !slices.ContainsFunc(run.Tool.Driver.Rules, func(r sarifRule) bool { return r.ID == rule }) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{rule, sarifText{"The issuer's verdict on the key: " + rule}})
		}
		at := sarifPhysical{Artifact: sarifArtifact{"environment"}}
		if p, ok := places[c.Name]; ok {
			at = sarifPhysical{sarifArtifact{uriOf(p.file)}, &sarifRegion{max(p.line, 1)}}
		}
		same := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", c.Name, c.Provider, rule)) // what tells one finding from another between runs; nothing of a value
		run.Results = append(run.Results, sarifResult{
			RuleID: rule, Level: level, Message: sarifText{fmt.Sprintf("%s: %s: %s", c.Name, rule, c.Detail)},
			Locations:    []sarifLocation{{at, []sarifLogical{{string(c.Name), "variable"}}}},
			Fingerprints: map[string]string{"livekey/v1": hex.EncodeToString(same[:])},
		})
	}
	return sarif{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

// uriOf is a file relative to where livekey runs, as a scanner finds it in a checkout, or
// absolute if it is elsewhere.
func uriOf(file string) string {
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, file); err == nil && filepath.IsLocal(relative) {
			return (&url.URL{Path: filepath.ToSlash(relative)}).String()
		}
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
}
