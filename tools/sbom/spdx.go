package main

import (
	"bytes"
	"regexp"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// unknown is what SPDX calls that nobody looked or could tell.
const unknown = "NOASSERTION"

// spdx is the inventory as SPDX 2.3.
func spdx(inv inventory) ([]byte, error) {
	app := spdxPackage(inv.main)
	app.PackageName, app.PrimaryPackagePurpose = inv.name, "APPLICATION"
	app.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: inv.sha256}}
	app.PackageComment = "built for " + inv.platform
	const document = "DOCUMENT"
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: document,
		DocumentName:      inv.name + "-" + inv.main.version,
		DocumentNamespace: "https://" + inv.main.path + "/sbom/" + inv.sha256,
		CreationInfo: &v2_3.CreationInfo{
			Created: inv.made.Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "livekey-sbom"}},
		},
		Packages: []*v2_3.Package{app},
		Relationships: []*v2_3.Relationship{{
			RefA: common.MakeDocElementID("", document), RefB: common.MakeDocElementID("", string(app.PackageSPDXIdentifier)),
			Relationship: common.TypeRelationshipDescribe,
		}},
	}
	for _, part := range inv.parts {
		p := spdxPackage(part)
		p.PrimaryPackagePurpose = "LIBRARY"
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{
			RefA:         common.MakeDocElementID("", string(app.PackageSPDXIdentifier)),
			RefB:         common.MakeDocElementID("", string(p.PackageSPDXIdentifier)),
			Relationship: common.TypeRelationshipDependsOn,
		})
	}
	var out bytes.Buffer
	if err := spdxjson.Write(doc, &out, spdxjson.Indent("  ")); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func spdxPackage(part component) *v2_3.Package {
	license := part.license
	if license == "" {
		license = unknown
	}
	p := &v2_3.Package{
		PackageName: part.path, PackageSPDXIdentifier: spdxID(part), PackageVersion: part.version,
		PackageDownloadLocation: unknown, PackageLicenseConcluded: unknown, PackageLicenseDeclared: license,
		PackageCopyrightText: unknown,
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: part.purl(),
		}},
	}
	if part.sum != "" {
		p.PackageSourceInfo = "go.sum " + part.sum
	}
	return p
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// spdxID names a component within its document, in the letters that SPDX allows.
func spdxID(part component) common.ElementID {
	return common.ElementID("Package-" + notInID.ReplaceAllString(part.path+"-"+part.version, "-"))
}
