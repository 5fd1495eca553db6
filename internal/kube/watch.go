package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
)

// A watch ends by itself after a time between these, so that those of many pods, which
// began together, do not begin again together.
const (
	watchShortest = 4 * time.Minute
	watchLongest  = 6 * time.Minute
)

// Types of an Event.
const (
	Added    = "ADDED" // or: was there when the watch began without a version
	Modified = "MODIFIED"
	Deleted  = "DELETED"
	Bookmark = "BOOKMARK" // nothing happened up to this version
)

// Metadata is what the API keeps of every object.
type Metadata struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Labels          map[string]string `json:"labels"`
	Annotations     Annotations       `json:"annotations"`
}

// Annotations are those of an object, but for what kubectl last applied: of a Secret that is
// all its values, as a text that any printer shows.
type Annotations map[string]string

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// UnmarshalJSON leaves what kubectl last applied out before it becomes a text.
func (a *Annotations) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	clear(raw[lastApplied])
	delete(raw, lastApplied)
	*a = make(Annotations, len(raw))
	for name, one := range raw {
		var s string
		if err := json.Unmarshal(one, &s); err != nil {
			return err
		}
		(*a)[name] = s
	}
	return nil
}

// Event is what happened to an object. It has no content: no value comes this way.
type Event struct {
	Type     string
	Metadata Metadata
}

// metadataOnly has the server leave everything else out of what it sends.
const metadataOnly = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"

// Watch calls handle with everything that happens to the one object at path after version;
// without a version, first with the object as it is, if it is there. It returns nil when the
// server ends the watch, which it does after some minutes: the next goes on from the version
// of the last event. ErrGone says that there is no going on from it.
func (c *Client) Watch(ctx context.Context, objectPath, version string, handle func(Event) error) error {
	of := objectAt(objectPath)
	collection, name := path.Split(objectPath)
	lasts := watchShortest + rand.N(watchLongest-watchShortest) // #nosec G404 -- spreads load
	query := url.Values{
		"watch": {"true"}, "allowWatchBookmarks": {"true"},
		"fieldSelector":  {"metadata.name=" + name}, // a rule with resourceNames lets this through
		"timeoutSeconds": {strconv.Itoa(int(lasts / time.Second))},
	}
	if version != "" {
		query.Set("resourceVersion", version)
	}
	resp, err := c.ask(ctx, call{
		verb: "watch", method: http.MethodGet, path: path.Clean(collection), query: query,
		accept: metadataOnly, watch: true, names: name,
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var own error // of handle
	err = events(resp.Body, of, func(e Event) error {
		own = handle(e)
		return own
	})
	var refused *Error
	switch {
	case err == nil, own != nil, errors.As(err, &refused):
		return err
	case errors.Is(err, ErrAnswer):
		return fmt.Errorf("watch %s: %w", of, err)
	}
	return fmt.Errorf("watch %s: %w", of, transportError(ctx, err))
}

// events reads a stream of them to its end.
func events(body io.Reader, of Object, handle func(Event) error) error {
	bounded := &frames{from: body}
	decoder := json.NewDecoder(bounded)
	for {
		bounded.left = httpclient.MaxBackendBody
		var frame struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		switch err := decoder.Decode(&frame); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && bounded.err != nil && !errors.Is(bounded.err, io.EOF):
			return bounded.err
		case err != nil: // its text quotes the stream
			return io.ErrUnexpectedEOF
		}
		var object struct {
			Metadata Metadata `json:"metadata"`
		}
		if frame.Type == "ERROR" {
			var s status
			_ = json.Unmarshal(frame.Object, &s) // without a code it is no Kubernetes's
			return refusal("watch", of, s.Code, frame.Object, nil)
		}
		if err := json.Unmarshal(frame.Object, &object); err != nil || object.Metadata.ResourceVersion == "" {
			return fmt.Errorf("%w: an event without a version", ErrAnswer)
		}
		if err := handle(Event{Type: frame.Type, Metadata: object.Metadata}); err != nil {
			return err
		}
	}
}

// frames bounds what one event may take.
type frames struct {
	from io.Reader
	left int64
	err  error // the last one
}

func (f *frames) Read(p []byte) (int, error) {
	if f.left <= 0 {
		f.err = httpclient.ErrTooLarge
		return 0, f.err
	}
	n, err := f.from.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	f.err = err
	return n, err
}
