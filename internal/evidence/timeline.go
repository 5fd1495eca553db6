package evidence

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
)

// The drawing, in CSS pixels. Across, everything is a share of the width, so that it fits
// a phone and a sheet of paper with letters of the same size.
const (
	axisHeight = 30
	laneHeight = 42
	maxLanes   = 14
	inset      = 1.5 // per cent on each side, where half of a mark may stand
)

// lane is one row of the drawing.
type lane struct {
	label markup
	bars  []bar
	marks []mark
}

type bar struct {
	from, to time.Time
	class    markup
}

type mark struct {
	at    time.Time
	class markup
	title markup
}

// scale is a logarithm of the time since zero: seconds and days in one drawing.
type scale struct{ zero, end time.Time }

func (s scale) share(at time.Time) float64 {
	whole := math.Log1p(s.end.Sub(s.zero).Seconds())
	if whole == 0 {
		return 0
	}
	return min(1, math.Log1p(max(0, at.Sub(s.zero).Seconds()))/whole)
}

// x is where a time stands, in per cent.
func (s scale) x(at time.Time) string {
	return fmt.Sprintf("%.2f%%", inset+(100-2*inset)*s.share(at))
}

// timeline draws a rotation: the two versions, and what each consumer had when.
func timeline(r report.Rotation, now time.Time) markup {
	s := scale{r.BeganAt, now}
	if !r.EndedAt.IsZero() {
		s.end = r.EndedAt
	}
	for _, step := range r.Steps {
		if step.At.Before(s.zero) {
			s.zero = step.At
		}
		if step.At.After(s.end) {
			s.end = step.At
		}
	}
	lanes := append([]lane{newLane(r, s), oldLane(r, s)}, consumerLanes(r, s)...)
	more := 0
	if len(lanes) > maxLanes {
		more = len(lanes) - maxLanes
		lanes = lanes[:maxLanes]
	}
	var w writer
	w.add(`<figure><svg width="100%" height="`, esc(fmt.Sprint(axisHeight+laneHeight*len(lanes))),
		`" role="img" aria-label="Timeline of the rotation; the table below says the same">`, "\n")
	s.axis(&w, len(lanes))
	for i, l := range lanes {
		s.draw(&w, l, axisHeight+laneHeight*i)
	}
	w.add("</svg>\n<figcaption>Time since ", clock(s.zero), ", on a logarithmic scale.")
	if more > 0 {
		w.add(esc(fmt.Sprintf(" %d more consumers are in the table.", more)))
	}
	w.add(` <span class="key new"></span> new version <span class="key old"></span> old version <span class="key blank"></span> not witnessed</figcaption></figure>`)
	return markup(w.String())
}

func newLane(r report.Rotation, s scale) lane {
	l := lane{label: "New version " + esc(r.To.Version)}
	end := s.end
	for _, step := range r.Steps {
		switch step.What {
		case trail.Seen:
			l.bars = append(l.bars, bar{step.At, r.BeganAt, "blank"})
		case trail.Reverted:
			end = step.At
		default:
		}
		if slices.Contains([]trail.What{trail.Seen, trail.Proved, trail.Delivered, trail.Reloaded, trail.Reverted}, step.What) {
			l.marks = append(l.marks, markOf(step))
		}
	}
	l.bars = append(l.bars, bar{r.BeganAt, end, "new"})
	return l
}

func oldLane(r report.Rotation, s scale) lane {
	l := lane{label: "Old version " + esc(r.From.Version)}
	end := s.end
	for _, step := range r.Steps {
		switch step.What {
		case trail.Refused, trail.Complete:
			if step.At.Before(end) {
				end = step.At
			}
		case trail.RevokeDone, trail.Unwatched:
		default:
			continue
		}
		l.marks = append(l.marks, markOf(step))
	}
	l.bars = append(l.bars, bar{s.zero, end, "old"})
	return l
}

// consumerLanes are those of the declared consumers and of others who were seen.
func consumerLanes(r report.Rotation, s scale) []lane {
	names := slices.Clone(r.Scope)
	steps := map[key.Consumer][]trail.Step{}
	for _, step := range r.Steps {
		if !ofConsumer[step.What] {
			continue
		}
		c := key.Consumer(step.Where)
		if steps[c] = append(steps[c], step); !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	var lanes []lane
	for _, c := range names {
		l := lane{label: esc(c)}
		from := r.BeganAt
		for _, step := range steps[c] {
			l.marks = append(l.marks, markOf(step))
			switch step.What {
			case trail.Held:
				l.bars = append(l.bars, bar{from, step.At, "old"})
				from = step.At
			case trail.Adopted:
				l.bars = append(l.bars, bar{from, step.At, "blank"}, bar{step.At, s.end, "new"})
				from = s.end
			default:
			}
		}
		if from.Before(s.end) {
			l.bars = append(l.bars, bar{from, s.end, "blank"})
		}
		lanes = append(lanes, l)
	}
	return lanes
}

func markOf(s trail.Step) mark {
	title := texts[s.What]
	if s.Where != "" {
		title += ": " + esc(s.Where)
	}
	class := stepClasses[s.What]
	if class == "" {
		class = "plain"
	}
	return mark{s.At, class, title + ", " + esc(s.At.UTC().Format("2006-01-02 15:04:05"))}
}

// ticks are the times since the beginning that may have a line of their own.
var ticks = []struct {
	after time.Duration
	label markup
}{
	{time.Second, "1s"},
	{10 * time.Second, "10s"},
	{time.Minute, "1m"},
	{10 * time.Minute, "10m"},
	{time.Hour, "1h"},
	{6 * time.Hour, "6h"},
	{24 * time.Hour, "1d"},
	{7 * 24 * time.Hour, "7d"},
	{30 * 24 * time.Hour, "30d"},
	{365 * 24 * time.Hour, "1y"},
}

// tickGap is how far ticks are apart at least: a label fits there on a phone.
const tickGap = 0.1

func (s scale) axis(w *writer, lanes int) {
	last := 0.0
	for _, t := range ticks {
		at := s.zero.Add(t.after)
		share := s.share(at)
		if !at.Before(s.end) || share-last < tickGap || 1-share < tickGap/2 {
			continue
		}
		last = share
		x := esc(s.x(at))
		w.add(`<line class="tick" x1="`, x, `" x2="`, x, `" y1="18" y2="`, esc(fmt.Sprint(axisHeight+laneHeight*lanes)), `"/>`,
			`<text class="axis" x="`, x, `" y="12" text-anchor="middle">`, t.label, "</text>\n")
	}
}

func (s scale) draw(w *writer, l lane, top int) {
	y := func(offset int) markup { return esc(fmt.Sprint(top + offset)) }
	w.add(`<text class="lane" x="1.5%" y="`, y(12), `">`, l.label, "</text>\n")
	for _, b := range l.bars {
		w.add(`<line class="bar `, b.class, `" x1="`, esc(s.x(b.from)), `" x2="`, esc(s.x(b.to)), `" y1="`, y(26), `" y2="`, y(26), `"/>`, "\n")
	}
	for _, m := range l.marks {
		w.add(`<circle class="mark `, m.class, `" cx="`, esc(s.x(m.at)), `" cy="`, y(26), `" r="5"><title>`, m.title, "</title></circle>\n")
	}
}
