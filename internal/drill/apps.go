package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/livekey/livekey/internal/admin"
)

// The apps of the drill. Each comes to its key in a way of its own.
const (
	appByHand = "by-hand"    // somebody exported the key and started it
	appReader = "reader"     // reads the env file, again at a SIGHUP
	appExec   = "supervised" // runs under livekey exec
)

// startByHand starts an app with the current key in its environment, as a shell does that
// has exported it.
func (w *world) startByHand(ctx context.Context) error {
	cmd := w.appCommand(ctx, appByHand)
	cmd.Env = append(cmd.Env, mainKey+"="+w.want[mainKey])
	return w.startApp(appByHand, cmd)
}

// startReader starts an app that reads the env file, can be signaled, and tells what it read.
func (w *world) startReader(ctx context.Context) error {
	return w.startApp(appReader, w.appCommand(ctx, appReader, "--env-file", w.reader.env,
		"--pid-file", w.path(pidName), "--tell", admin.ReportSocket(w.path(socketName))))
}

// startSupervised starts an app under livekey exec, with what it needs of the environment.
func (w *world) startSupervised(ctx context.Context) error {
	app := w.appCommand(ctx, appExec)
	return w.startApp(appExec, w.binary.command(context.WithoutCancel(ctx), append([]string{
		"exec", "--config", w.path(configName), "--",
	}, app.Args...)...))
}

// appCommand is an app under its own name: what it is called is what a person sees.
func (w *world) appCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := w.binary.command(context.WithoutCancel(ctx), append([]string{"drill", "app", name, "--issuer", w.issuer.url}, args...)...)
	cmd.Path = w.path(appDir, name)
	cmd.Args[0] = cmd.Path
	return cmd
}

func (w *world) startApp(name string, cmd *exec.Cmd) error {
	link := w.path(appDir, name)
	if err := os.Symlink(w.binary.path, link); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("start app %s: %w", name, err)
	}
	p, err := launch(cmd, w.path(name+".log"))
	if err != nil {
		return err
	}
	w.apps[name] = p
	return nil
}

// stopApp ends an app, which it does as it is told.
func (w *world) stopApp(name string) error {
	p := w.apps[name]
	if p == nil {
		return nil
	}
	delete(w.apps, name)
	if err := p.stop(); err != nil {
		return fmt.Errorf("stop app %s: %w", name, err)
	}
	return nil
}

// closeApps ends those that still run, however they end.
func (w *world) closeApps() {
	for _, p := range w.apps {
		if !p.ended() {
			_ = p.stop()
		}
	}
}
