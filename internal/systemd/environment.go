package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	godbus "github.com/godbus/dbus/v5"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/secret"
)

// Environment looks for holders in the environment blocks that systemd has: what
// `systemctl show-environment` prints, and Environment= of every service that is loaded.
// It asks the system's manager, and that of livekey's own user; others' show it nothing.
//
// D-Bus hands their values over as strings, which cannot be wiped: they live until they are
// collected. They are anybody's to read on this machine anyhow.
type Environment struct {
	run     string // /run
	uid     int
	connect func(ctx context.Context, address string) (blocks, error)
}

// NewEnvironment does no I/O.
func NewEnvironment() *Environment {
	return &Environment{run: "/run", uid: os.Geteuid(), connect: connect}
}

// blocks are what one manager has.
type blocks interface {
	manager(ctx context.Context) ([]string, error)
	services(ctx context.Context) ([]service, error) // with an Environment=, and the managers of users
	unit(ctx context.Context, name string) (unitBlock, error)
	close()
}

// service is a unit and its Environment=.
type service struct {
	name, fragment string
	environment    []string
}

// busLimit is how long one manager is asked.
const busLimit = 10 * time.Second

// Look finds nothing, and that is no error, where no systemd runs.
func (e *Environment) Look(ctx context.Context, w holders.Wanted) (holders.Scan, error) {
	s := holders.Scan{At: time.Now()}
	if _, err := os.Stat(filepath.Join(e.run, "systemd/system")); errors.Is(err, fs.ErrNotExist) || len(w.Prints) == 0 {
		return s, nil
	}
	match := w.Hasher.Matcher(w.Prints)
	system := "unix:path=" + filepath.Join(e.run, "dbus/system_bus_socket")
	services, err := e.ask(ctx, &s, match, system, -1)
	if err != nil {
		return s, fmt.Errorf("environment blocks of systemd: %w", err)
	}
	var others []string
	for _, uid := range managersOf(services) {
		own := filepath.Join(e.run, "user", strconv.Itoa(uid), "bus")
		if uid == e.uid {
			if _, err := e.ask(ctx, &s, match, "unix:path="+own, uid); err == nil {
				continue
			}
		}
		others = append(others, "user "+holders.UserName(uid))
	}
	if len(others) > 0 {
		s.Unseen = append(s.Unseen, holders.LaterByManagers+strings.Join(others, ", "))
	}
	return s, ctx.Err()
}

// managersOf are the users who have a manager of their own, by the services of the
// system's: it says so also where /run/user is hidden.
func managersOf(services []service) (uids []int) {
	for _, s := range services {
		if uid, err := strconv.Atoi(userOf(s.name)); err == nil {
			uids = append(uids, uid)
		}
	}
	return uids
}

// userOf is whose manager a service is, "" of any other.
func userOf(name string) string {
	instance, ok := strings.CutPrefix(name, "user@")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(instance, ".service")
}

// ask adds what one manager has, that of a user if uid is not negative, and returns its services.
func (e *Environment) ask(ctx context.Context, to *holders.Scan, match *secret.Matcher, address string, uid int) ([]service, error) {
	ctx, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	bus, err := e.connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer bus.close()
	environment, err := bus.manager(ctx)
	if err != nil {
		return nil, err
	}
	base := holders.Sighting{Kind: holders.InManager, UID: uid}
	if uid >= 0 {
		base.User = holders.UserName(uid)
	}
	add(to, base, environment, match)
	services, err := bus.services(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		it := base
		it.Kind, it.Path, it.Unit = holders.InUnit, s.fragment, s.name
		if uid >= 0 {
			it.Unit, it.UserUnit = "", s.name
		}
		add(to, it, s.environment, match)
	}
	return services, nil
}

// add adds a sighting for each variable that has a wanted value.
func add(to *holders.Scan, base holders.Sighting, environment []string, match *secret.Matcher) {
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		buffer := []byte(value)
		f, ok := match.Match(buffer)
		clear(buffer)
		if ok {
			it := base
			it.Print, it.Variable = f, holders.VariableOf([]byte(name))
			to.Sightings = append(to.Sightings, it)
		}
	}
}

var _ holders.Looker = (*Environment)(nil)

// bus is a connection to a message bus on which a systemd is.
type bus struct{ conn *godbus.Conn }

func connect(ctx context.Context, address string) (blocks, error) {
	conn, err := godbus.Connect(address, godbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return bus{conn}, nil
}

func (b bus) close() { _ = b.conn.Close() }

const (
	systemdName = "org.freedesktop.systemd1"
	managerPath = godbus.ObjectPath("/org/freedesktop/systemd1")
)

// get stores a property of what is at path.
func (b bus) get(ctx context.Context, path godbus.ObjectPath, of, property string, into any) error {
	var v godbus.Variant
	err := b.conn.Object(systemdName, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, systemdName+"."+of, property).Store(&v)
	if err == nil {
		err = v.Store(into)
	}
	if err != nil {
		return fmt.Errorf("ask systemd for %s: %w", property, classify(err))
	}
	return nil
}

func (b bus) manager(ctx context.Context) (environment []string, err error) {
	return environment, b.get(ctx, managerPath, "Manager", "Environment", &environment)
}

func (b bus) services(ctx context.Context) ([]service, error) {
	var units []struct { // as ListUnitsByPatterns answers
		Name, Description, Load, Active, Sub, Following string
		Path                                            godbus.ObjectPath
		Job                                             uint32
		JobType                                         string
		JobPath                                         godbus.ObjectPath
	}
	err := b.conn.Object(systemdName, managerPath).
		CallWithContext(ctx, systemdName+".Manager.ListUnitsByPatterns", 0, []string{}, []string{"*.service"}).Store(&units)
	if err != nil {
		return nil, fmt.Errorf("list the services of systemd: %w", classify(err))
	}
	var all []service
	for _, u := range units {
		s := service{name: u.Name}
		if u.Load != "loaded" {
			continue
		}
		err := b.get(ctx, u.Path, "Service", "Environment", &s.environment)
		if err == nil && len(s.environment) > 0 {
			err = b.get(ctx, u.Path, "Unit", "FragmentPath", &s.fragment)
		}
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("list the services of systemd: %w", ctx.Err())
		case errors.Is(err, ErrUnreachable):
			return nil, err
		case err == nil && (len(s.environment) > 0 || u.Active == "active" && userOf(u.Name) != ""): // one that is unloaded meanwhile has none
			all = append(all, s)
		}
	}
	return all, nil
}
