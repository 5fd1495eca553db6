package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// cycloneDX is the inventory as CycloneDX 1.6.
func cycloneDX(inv inventory) ([]byte, error) {
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuidOf(inv.sha256)
	app := cdxComponent(cdx.ComponentTypeApplication, inv.main)
	app.Name = inv.name
	app.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: inv.sha256}}
	app.Properties = &[]cdx.Property{{Name: "livekey:platform", Value: inv.platform}}
	bom.Metadata = &cdx.Metadata{Timestamp: inv.made.Format(time.RFC3339), Component: &app}

	components := make([]cdx.Component, 0, len(inv.parts))
	below := make([]string, 0, len(inv.parts))
	dependencies := []cdx.Dependency{{Ref: app.BOMRef, Dependencies: &below}}
	for _, part := range inv.parts {
		c := cdxComponent(cdx.ComponentTypeLibrary, part)
		c.Scope = cdx.ScopeRequired
		components = append(components, c)
		below = append(below, c.BOMRef)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef})
	}
	bom.Components, bom.Dependencies = &components, &dependencies

	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func cdxComponent(kind cdx.ComponentType, part component) cdx.Component {
	c := cdx.Component{
		BOMRef: part.purl(), Type: kind, Name: part.path, Version: part.version, PackageURL: part.purl(),
	}
	switch {
	case part.license == "":
	case strings.Contains(part.license, " "):
		c.Licenses = &cdx.Licenses{{Expression: part.license}}
	default:
		c.Licenses = &cdx.Licenses{{License: &cdx.License{ID: part.license}}}
	}
	if part.sum != "" { // no hash of one file, which a field for hashes would say
		c.Properties = &[]cdx.Property{{Name: "livekey:go.sum", Value: part.sum}}
	}
	return c
}

// uuidOf is a UUID, version 8, made of a text: the same for the same binary.
func uuidOf(text string) string {
	b := sha256.Sum256([]byte(text))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
