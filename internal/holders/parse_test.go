package holders

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const id = "3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d"

func TestWhereAProcessBelongs(t *testing.T) {
	const pod, podSlashed = "0b1f7e2a-4c5d-4e6f-8a9b-0c1d2e3f4a5b", "0b1f7e2a_4c5d_4e6f_8a9b_0c1d2e3f4a5b"
	for _, c := range []struct {
		name, text string
		want       place
	}{
		{"a unit", "0::/system.slice/app.service", place{unit: "app.service"}},
		{"a unit in its own slice", "0::/apps.slice/apps-web.slice/app@2.service", place{unit: "app@2.service"}},
		{"below a unit", "0::/system.slice/app.service/workers/1", place{unit: "app.service"}},
		{"an escape is part of the name", `0::/system.slice/my\x2dapp.service`, place{unit: `my\x2dapp.service`}},
		{"a name that the kernel has uses for", "0::/system.slice/_memory.service", place{unit: "memory.service"}},
		{"version 1", "3:cpu,cpuacct:/\n1:name=systemd:/system.slice/app.service\n", place{unit: "app.service"}},
		{"hybrid: systemd's own is believed", "1:name=systemd:/system.slice/app.service\n0::/system.slice/other.service", place{unit: "app.service"}},
		{"hybrid with nothing in systemd's own", "1:name=systemd:/\n0::/system.slice/app.service", place{unit: "app.service"}},
		{"a user's unit", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", place{unit: "user@1000.service", userUnit: "app.service"}},
		{"a user's manager", "0::/user.slice/user-1000.slice/user@1000.service/init.scope", place{unit: "user@1000.service"}},
		{"a session is no unit to restart", "0::/user.slice/user-1000.slice/session-3.scope", place{}},
		{"another control group namespace", "0::/../../system.slice/app.service", place{unit: "app.service"}},
		{"systemd in a container, seen from outside", "0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/app.service", place{unit: "systemd-nspawn@web.service"}},
		{"Docker", "0::/system.slice/docker-" + id + ".scope", place{container: id}},
		{"Docker without systemd", "0::/docker/" + id, place{container: id}},
		{"Docker, version 1 without systemd", "4:memory:/docker/" + id + "\n", place{container: id}},
		{"systemd in Docker", "0::/docker/" + id + "/system.slice/app.service", place{container: id}},
		{"Podman of a user", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container", place{container: id}},
		{"Podman's monitor is not the container", "0::/machine.slice/libpod-conmon-" + id + ".scope", place{unit: "libpod-conmon-" + id + ".scope"}},
		{"a container that a unit starts", "0::/system.slice/app.service/libpod-payload-" + id, place{unit: "app.service", container: id}},
		{"Kubernetes", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + podSlashed + ".slice/cri-containerd-" + id + ".scope", place{pod: pod, container: id}},
		{"guaranteed, CRI-O", "0::/kubepods.slice/kubepods-pod" + podSlashed + ".slice/crio-" + id + ".scope", place{pod: pod, container: id}},
		{"a kubelet without systemd", "0::/kubepods/besteffort/pod" + pod + "/" + id, place{pod: pod, container: id}},
		{"kind", "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + podSlashed + ".slice/cri-containerd-" + id + ".scope", place{pod: pod, container: id}},
		{"slices that containerd does not make", "0::/system.slice/containerd.service/kubepods-burstable-pod" + podSlashed + ".slice:cri-containerd:" + id, place{unit: "containerd.service", pod: pod, container: id}},
		{"nothing", "", place{}},
		{"the root", "0::/", place{}},
		{"not a line", "0::", place{}},
	} {
		if got := (places{}).of([]byte(c.text)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	inside := newPlaces([]byte("0::/machine.slice/web.service/payload/init.scope\n"))
	if got := inside.of([]byte("0::/machine.slice/web.service/payload/system.slice/app.service\n")); got.unit != "app.service" {
		t.Errorf("livekey beside a systemd in a container sees that one's units: got %+v", got)
	}
}

func TestWhatAProcessIsCalled(t *testing.T) {
	for _, c := range []struct{ name, program, want string }{
		{"gunicorn", "/usr/bin/python3.12", "gunicorn"},
		{"supervisord", "/usr/bin/python3.12", "supervisord"},
		{"node", "/usr/bin/node", "node"},
		{"MainThread", "/usr/bin/node", "node"},
		{"node-MainThread", "/usr/bin/node", "node"},
		{"PM2 v5.3.0: God", "/usr/bin/node", "pm2"},
		{"tmux: server", "/usr/bin/tmux", "tmux"},
		{"(sd-pam)", "/usr/lib/systemd/systemd", "systemd"},
		{"a-long-program-", "/opt/a-long-program-name", "a-long-program-name"},
		{"app", "/opt/app (deleted)", "app"},
		{"sh", "/bin/busybox", "sh"},
		{"kworker/0:1", "", "kworker/0:1"},
		{"a b", "", "a-b"},
		{"", "/opt/app", "app"},
		{"", "", ""},
	} {
		if got := commandOf(c.name, c.program); got != c.want {
			t.Errorf("%q of %q is %q, want %q", c.name, c.program, got, c.want)
		}
	}
}

const mountinfo = `22 1 8:1 / / rw - ext4 /dev/vda rw
30 22 0:25 / /run rw - tmpfs tmpfs rw,size=1k
31 22 0:30 / /proc rw - proc proc rw,hidepid=invisible
40 30 0:40 /sub/vol /run/a\040b rw shared:1 - btrfs x rw
41 22 0:25 /livekey/app.env//deleted /etc/app.env rw - tmpfs tmpfs rw
a line that is none
`

func TestMounts(t *testing.T) {
	all := slices.Collect(mounts([]byte(mountinfo)))
	if len(all) != 5 {
		t.Fatalf("got %+v", all)
	}
	for _, c := range []struct {
		path string
		want spot
	}{
		{"/etc/x", spot{"8:1", "/etc/x"}},
		{"/run", spot{"0:25", "/"}},
		{"/running/x", spot{"8:1", "/running/x"}},
		{"/run/livekey/app.env", spot{"0:25", "/livekey/app.env"}},
		{"/run/a b/c", spot{"0:40", "/sub/vol/c"}},
		{"/etc/app.env", spot{"0:25", "/livekey/app.env"}},
	} {
		if got, ok := find(all, c.path); !ok || got != c.want {
			t.Errorf("%s is %+v, want %+v", c.path, got, c.want)
		}
	}
	if _, ok := find(nil, "/x"); ok {
		t.Error("found without mounts")
	}
	if !all[2].hidesProcesses() || all[1].hidesProcesses() {
		t.Error("hidepid is not told")
	}
	if got := unescape(`\134\011\04\999x`); got != "\\\t\\04\\999x" {
		t.Errorf("got %q", got)
	}
}

func TestABufferIsWiped(t *testing.T) {
	v := newVariables()
	for i, text := range []string{
		environ("A="+canary, "B="+strings.Repeat("c", 5000)), canary, strings.Repeat("x", 400<<10) + canary + "\x00" + canary,
	} {
		for _, fails := range []bool{false, true} {
			in := strings.NewReader(text)
			read := in.Read
			if fails {
				read = iotest.TimeoutReader(in).Read
			}
			read0 := func(b []byte) (int, error) {
				n, err := read(b)
				if n == 0 && err != nil && !errors.Is(err, iotest.ErrTimeout) {
					err = nil // the end, as the kernel says it
				}
				return n, err
			}
			if _, err := v.each(read0, func([]byte) {}); (err != nil) != fails {
				t.Fatalf("%d: %v", i, err)
			}
			if bytes.ContainsFunc(v.buf, func(r rune) bool { return r != 0 }) {
				t.Errorf("%d: something is left", i)
			}
		}
	}
}

func FuzzCgroup(f *testing.F) {
	f.Add([]byte("1:name=systemd:/system.slice/app.service\n0::/kubepods/pod1/" + id))
	f.Fuzz(func(t *testing.T, text []byte) {
		at := newPlaces(text).of(text)
		if at.userUnit != "" && at.unit == "" && at.container == "" {
			t.Errorf("a user's unit without a manager: %+v", at)
		}
		if strings.Contains(at.unit+at.userUnit+at.container+at.pod, "/") {
			t.Errorf("a path in a name: %+v", at)
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Fuzz(func(t *testing.T, text []byte) {
		for m := range mounts(text) {
			if at, ok := find([]mount{m}, m.point); !ok || at.dev != m.dev {
				t.Errorf("%+v is not where it is", m)
			}
		}
	})
}

// Whatever the sizes of its reads, an environment is split like a string.
func FuzzEnvironment(f *testing.F) {
	f.Add([]byte(environ("A=1", "B=2")), 3)
	f.Add([]byte("\x00\x00x"), 1)
	v := variables{make([]byte, 64)}
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		size = max(1, size%32)
		var want []string
		for piece := range bytes.SplitSeq(text, []byte{0}) {
			if len(piece) < len(v.buf) {
				want = append(want, string(piece))
			}
		}
		if n := len(want); n > 0 && want[n-1] == "" && (len(text) == 0 || text[len(text)-1] == 0) {
			want = want[:n-1] // what comes behind the last NUL is nothing
		}
		in := bytes.NewReader(text)
		var got []string
		total, err := v.each(func(b []byte) (int, error) {
			n, _ := in.Read(b[:min(size, len(b))])
			return n, nil
		}, func(variable []byte) { got = append(got, string(variable)) })
		if total != len(text) || err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q of %d, %v; want %q", got, total, err, want)
		}
	})
}

func FuzzCandidates(f *testing.F) {
	f.Add([]byte("export A = 'x'\n{\"a\":\"b\"}"), "key12345")
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		if len(value) < 8 || strings.ContainsAny(value, delimiters) {
			return
		}
		found := 0
		candidates(append(slices.Clone(text), "\nNAME="+value+"\n"...), func(name, v []byte) {
			if string(v) == value && string(name) == "NAME" {
				found++
			}
		})
		if found == 0 {
			t.Errorf("not found behind %q", text)
		}
	})
}
