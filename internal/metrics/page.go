package metrics

import (
	"bufio"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// contentType is that of the text format which every Prometheus reads.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// The kinds of metrics that there are here.
const (
	counts  = "counter"
	gauges  = "gauge"
	summary = "summary"
	buckets = "histogram"
)

// family names a metric and its labels, and says what it is.
type family struct {
	name, kind, help string
	labels           []string
}

func gauge(name, help string, labels ...string) family { return family{name, gauges, help, labels} }

// page is an answer to a scrape while it is written: one family after another, each with
// all its samples. It holds none of them. A write that fails ends in nothing: nobody
// reads any more.
type page struct {
	w    *bufio.Writer
	line []byte
	family
	told bool // the family has its head
}

func newPage(w http.ResponseWriter) *page {
	w.Header().Set("Content-Type", contentType)
	return &page{w: bufio.NewWriter(w)}
}

// of begins f. Its head is written with its first sample: a family without one is left out.
func (p *page) of(f family) { p.family, p.told = f, false }

// sample writes one sample of the family, with a value for each of its labels.
func (p *page) sample(v float64, labels ...string) { p.series("", v, labels, "", 0) }

// at writes t, in seconds since 1970; nothing for the zero time.
func (p *page) at(t time.Time, labels ...string) {
	if !t.IsZero() {
		p.sample(float64(t.UnixMilli())/1e3, labels...)
	}
}

// series writes a sample of NAME+suffix, with one more label if extra names it.
func (p *page) series(suffix string, v float64, labels []string, extra string, of float64) {
	b := p.line[:0]
	if !p.told {
		p.told = true
		b = append(append(append(append(b, "# HELP "...), p.name...), ' '), helpEscapes.Replace(p.help)...)
		b = append(append(append(append(b, "\n# TYPE "...), p.name...), ' '), p.kind...)
		b = append(b, '\n')
	}
	b = append(append(b, p.name...), suffix...)
	before := byte('{')
	label := func(name, value string) {
		b = append(append(append(b, before), name...), `="`...)
		b = append(append(b, labelEscapes.Replace(value)...), '"')
		before = ','
	}
	for i, name := range p.labels {
		label(name, labels[i])
	}
	if extra != "" {
		label(extra, string(number(nil, of)))
	}
	if before == ',' {
		b = append(b, '}')
	}
	b = append(number(append(b, ' '), v), '\n')
	_, _ = p.w.Write(b)
	p.line = b
}

// What the format escapes.
var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func number(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// counter counts by the values of its labels. It only grows.
type counter struct {
	family
	mu sync.Mutex
	n  map[string]float64
}

func newCounter(name, help string, labels ...string) *counter {
	c := &counter{family: family{name, counts, help, labels}, n: map[string]float64{}}
	if len(labels) == 0 { // there is one sample of it, from the start
		c.n[""] = 0
	}
	return c
}

// joint stands between the values of labels in a key of a map: no config has it in a name.
const joint = "\x00"

func (c *counter) inc(labels ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[strings.Join(labels, joint)]++
}

func (c *counter) write(p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.of(c.family)
	for _, at := range slices.Sorted(maps.Keys(c.n)) {
		p.sample(c.n[at], strings.Split(at, joint)...)
	}
}

// histogram counts observations by the value of its label, if it has one, and by size.
type histogram struct {
	family
	bounds []float64 // rising; what is larger than the last is counted as well
	mu     sync.Mutex
	seen   map[string]*observed
}

type observed struct {
	n   []uint64 // for each bound, and for what is above; not yet summed up
	sum float64
}

func newHistogram(name, help string, bounds []float64, labels ...string) *histogram {
	h := &histogram{family: family{name, buckets, help, labels}, bounds: bounds, seen: map[string]*observed{}}
	if len(labels) == 0 {
		h.of("")
	}
	return h
}

func (h *histogram) observe(v float64, labels ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.of(strings.Join(labels, joint))
	i, _ := slices.BinarySearch(h.bounds, v)
	o.n[i]++
	o.sum += v
}

func (h *histogram) of(labels string) *observed {
	o := h.seen[labels]
	if o == nil {
		o = &observed{n: make([]uint64, len(h.bounds)+1)}
		h.seen[labels] = o
	}
	return o
}

func (h *histogram) write(p *page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.of(h.family)
	for _, at := range slices.Sorted(maps.Keys(h.seen)) {
		labels, o := strings.Split(at, joint), h.seen[at]
		total := uint64(0)
		for i, n := range o.n {
			total += n
			bound := math.Inf(1)
			if i < len(h.bounds) {
				bound = h.bounds[i]
			}
			p.series("_bucket", float64(total), labels, "le", bound)
		}
		p.series("_sum", o.sum, labels, "", 0)
		p.series("_count", float64(total), labels, "", 0)
	}
}
