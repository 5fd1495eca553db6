package catalog

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// maxXMLDepth is deeper than any issuer's answer.
const maxXMLDepth = 16

// parseXML reads a document as the JSON that says the same, so that rules and
// identity find their way in it with a pointer: an element is an object of the
// elements inside, or text if there are none; several of one name are a list.
// Attributes and namespaces are left out. It is nil for what is no document.
func parseXML(body []byte) any {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		if start, ok := token.(xml.StartElement); ok {
			content, ok := element(d, maxXMLDepth)
			if !ok {
				return nil
			}
			return map[string]any{start.Name.Local: content}
		}
	}
}

// element reads to the end of an element that has begun.
func element(d *xml.Decoder, depth int) (content any, ok bool) {
	var text strings.Builder
	var fields map[string]any
	for depth > 0 {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if fields != nil {
				return fields, true
			}
			return strings.TrimSpace(text.String()), true
		case xml.StartElement:
			inner, ok := element(d, depth-1)
			if !ok {
				return nil, false
			}
			if fields == nil {
				fields = map[string]any{}
			}
			add(fields, token.Name.Local, inner)
		}
	}
	return nil, false
}

func add(fields map[string]any, name string, value any) {
	switch before := fields[name].(type) {
	case nil:
		fields[name] = value
	case []any:
		fields[name] = append(before, value)
	default:
		fields[name] = []any{before, value}
	}
}
