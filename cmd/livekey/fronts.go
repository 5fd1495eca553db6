package main

import (
	"context"
	"errors"
	"maps"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/config"
)

// fronts are the addresses at which the daemon answers: its socket, the one for reports
// and, where the config says so, one over TCP.
type fronts struct {
	options admin.Options
	all     map[address]*front
	begin   func(serve func(context.Context) error) (end context.CancelFunc)
}

// address is where a front is: a socket's path, or host and port.
type address struct{ network, at string }

type front struct {
	server *admin.Server
	end    context.CancelFunc // nil: not served yet
}

func addresses(cfg *config.Config) []address {
	all := []address{{"unix", cfg.Socket}, {"reports", admin.ReportSocket(cfg.Socket)}}
	if cfg.Metrics != "" {
		all = append(all, address{"tcp", cfg.Metrics})
	}
	return all
}

// listen takes the addresses of cfg that are new, all of them or none. Nobody is
// answered there before serve.
func (f *fronts) listen(ctx context.Context, cfg *config.Config) error {
	fresh := map[address]*front{}
	for _, a := range addresses(cfg) {
		if f.all[a] != nil {
			continue
		}
		server, err := a.listen(ctx, f.options)
		if err != nil {
			for _, taken := range fresh {
				err = errors.Join(err, taken.server.Close())
			}
			return misplaced(err, "socket")
		}
		fresh[a] = &front{server: server}
	}
	maps.Copy(f.all, fresh)
	return nil
}

func (a address) listen(ctx context.Context, o admin.Options) (*admin.Server, error) {
	switch a.network {
	case "unix":
		return admin.Listen(ctx, a.at, o)
	case "reports":
		return admin.ListenReports(ctx, a.at, o)
	default:
		return admin.ListenTCP(ctx, a.at, o)
	}
}

// serve answers at the addresses of cfg, and leaves the others.
func (f *fronts) serve(cfg *config.Config) {
	wanted := map[address]bool{}
	for _, a := range addresses(cfg) {
		wanted[a] = true
		if f.all[a].end == nil {
			f.all[a].end = f.begin(f.all[a].server.Serve)
		}
	}
	for a, old := range f.all {
		if !wanted[a] {
			old.end()
			delete(f.all, a)
		}
	}
}
