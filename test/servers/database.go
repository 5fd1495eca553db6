package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Database is a real server on loopback that one test owns, in a folder of its own. The
// system's service of the same name is never touched.
type Database struct {
	Host, Port string
	Dir        string
	CAFile     string // of its certificate, "" without TLS

	t       testing.TB
	program string
	args    []string
	cmd     *exec.Cmd
	log     *tail
}

// Address is where it listens.
func (d *Database) Address() string { return net.JoinHostPort(d.Host, d.Port) }

// nobody is who runs a server where the tests are root, which databases refuse to be.
const nobody = 65534

// newDatabase makes the folder of a server, which belongs to whoever runs it.
func newDatabase(t testing.TB, name string) *Database {
	t.Helper()
	dir, err := os.MkdirTemp("", "livekey-"+name+"-") // short: a socket's path has a bound
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	host, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{Host: host, Port: port, Dir: dir, t: t, log: &tail{}}
	d.own(dir)
	return d
}

func (d *Database) own(path string) {
	d.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(path, nobody, nobody); err != nil {
		d.t.Fatal(err)
	}
}

// file writes a file that the server may read, and nobody else.
func (d *Database) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.own(path)
	return path
}

// encrypt makes a certificate for the server, which is its own root.
func (d *Database) encrypt() (certFile, keyFile string) {
	d.t.Helper()
	cert, key := selfSigned(d.t)
	d.CAFile = cert
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			d.t.Fatal(err)
		}
		return string(text)
	}
	return d.file("cert.pem", read(cert)), d.file("key.pem", read(key))
}

func (d *Database) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = d.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.Dir, "LC_ALL=C"}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// prepare runs a program to its end.
func (d *Database) prepare(program string, args ...string) {
	d.t.Helper()
	if out, err := d.command(program, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
}

// Start starts the server, again after a Stop, and waits until it listens.
func (d *Database) Start(more ...string) {
	d.t.Helper()
	d.StartOnly(more...)
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", d.Address())
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("%s does not listen: %v\n%s", d.program, err, d.log)
		}
	}
}

// StartOnly starts the server and does not wait.
func (d *Database) StartOnly(more ...string) {
	d.t.Helper()
	d.cmd = d.command(d.program, append(append([]string{}, d.args...), more...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	cmd := d.cmd
	d.t.Cleanup(func() { d.end(cmd) })
}

// Stop ends the server.
func (d *Database) Stop() { d.end(d.cmd) }

// end kills one process, and what it started: they go when their server is gone.
func (d *Database) end(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGQUIT) // PostgreSQL's word for at once
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
}

// Log is the end of what the server has logged.
func (d *Database) Log() string { return d.log.String() }

// DSN is one of the server, with what stands before and behind its address.
func (d *Database) DSN(scheme, user, password, rest string) string {
	return fmt.Sprintf("%s://%s:%s@%s/%s", scheme, user, password, d.Address(), strings.TrimPrefix(rest, "/"))
}
