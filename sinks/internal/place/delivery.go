package place

import (
	"context"
	"errors"
	"fmt"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

// Delivery is what one Write is to put in place.
type Delivery struct {
	Values map[string]secret.Value
	Proved bool // every value by its issuer, none by an exception
}

// Equal says whether found is exactly what was to be delivered.
func (d Delivery) Equal(found map[string]secret.Value) bool {
	if len(d.Values) != len(found) {
		return false
	}
	for name, v := range d.Values {
		if f, ok := found[name]; !ok || !v.Equal(f) {
			return false
		}
	}
	return true
}

// gather takes the values out of entries, after check allowed each.
func gather(entries []sinks.Entry, check func(variable string, v secret.Value) error) (Delivery, error) {
	d := Delivery{Values: make(map[string]secret.Value, len(entries)), Proved: true}
	var faults []error
	for _, e := range entries {
		m := e.From.Material()
		v, ok := m.Parts[e.Part]
		switch _, twice := d.Values[e.Variable]; {
		case m.Fingerprint == "": // the zero Proved: nobody made it
			faults = append(faults, fmt.Errorf("%s: nothing was proved", e.Variable))
		case !ok:
			faults = append(faults, fmt.Errorf("%s: key %s has no part %q", e.Variable, m.Key, e.Part))
		case twice:
			faults = append(faults, fmt.Errorf("%s: given twice", e.Variable))
		default:
			faults = append(faults, check(e.Variable, v))
		}
		d.Values[e.Variable] = v
		d.Proved = d.Proved && e.From.Unproved() == ""
	}
	return d, errors.Join(faults...)
}

// Write has deliver put what entries carry in place, unless ctx has ended or check
// refuses one of them. What deliver leaves in memory is erased.
func Write(ctx context.Context, sink string, entries []sinks.Entry, check func(variable string, v secret.Value) error,
	deliver func(Delivery) (changed bool, err error),
) (changed bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	delivery, err := gather(entries, check)
	if err == nil {
		secret.Do(func() { changed, err = deliver(delivery) })
	}
	if err != nil {
		return changed, fmt.Errorf("write sink %s: %w", sink, err)
	}
	return changed, nil
}

// Backup is where the file name stays that livekey adopted, until the first proved
// write. It is no variable's name, so no delivery can have it.
func Backup(name string) string { return name + ".before-livekey" }

// Readings is how often a sink is read before a fault of reading counts: one
// descriptor too few must not make a delivery look as if it had not happened.
const Readings = 3
