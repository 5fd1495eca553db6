package holders

import "testing"

func TestFix(t *testing.T) {
	const sink = "/run/livekey/sinks/app/app.env"
	process := func(change func(*Sighting)) Sighting {
		s := Sighting{Kind: InProcess, Print: "f", Variable: "K", PID: 900, User: "ada", Command: "python3"}
		change(&s)
		return s
	}
	for _, c := range []struct {
		rule string
		s    Sighting
		want string
	}{
		{"a unit is restarted, whoever passed it on inside", process(func(s *Sighting) {
			s.Unit, s.Exporters = "app.service", []Exporter{{PID: 890, Command: "bash"}}
		}), "systemctl restart app.service"},
		{"a user's unit is restarted by that user's manager", process(func(s *Sighting) {
			s.Unit, s.UserUnit = "user@1000.service", "app.service"
		}), "systemctl --user -M ada@ restart app.service"},
		{
			"a pod with a name is deleted, and comes back", process(func(s *Sighting) { s.Pod, s.Container = "shop/api", "3f2a" }),
			"kubectl delete pod -n shop api",
		},
		{
			"a pod without a name is known by its uid", process(func(s *Sighting) { s.Pod = "0b6c" }),
			"kubectl rollout restart the workload of the pod with uid 0b6c",
		},
		{
			"a container is made anew, because a restart keeps its environment", process(func(s *Sighting) { s.Container = "3f2a9b1c4d5e6f708192" }),
			"make container 3f2a9b1c4d5e anew (docker compose up -d --force-recreate): docker restart keeps its environment",
		},
		{
			"a session's scope is no unit to restart", process(func(s *Sighting) { s.Unit = "session-2.scope" }),
			"restart python3 (pid 900)",
		},
		{
			"a user's manager is never restarted for one process", process(func(s *Sighting) { s.Unit = "user@1000.service" }),
			"restart python3 (pid 900)",
		},
		{
			"a shell that exports comes first", process(func(s *Sighting) { s.Exporters = []Exporter{{812, "-bash"}} }),
			"open a new shell and start python3 there: this one (pid 812, bash) still exports K",
		},
		{
			"a shell is not restarted, but left", process(func(s *Sighting) { s.Command = "bash" }),
			"open a new shell: this one (pid 900, bash) still exports K",
		},
		{
			"the outermost exporter is where it comes from", process(func(s *Sighting) { s.Exporters = []Exporter{{812, "bash"}, {700, "tmux: server"}} }),
			"tmux set-environment -gu K, then tmux respawn-pane -k in each pane that has it",
		},
		{
			"screen forgets a variable", process(func(s *Sighting) { s.Exporters = []Exporter{{700, "screen"}} }),
			"screen -X unsetenv K, then open a new window",
		},
		{
			"pm2 takes the environment of who asks", process(func(s *Sighting) { s.Exporters = []Exporter{{700, "PM2 v5.4.2: God Daemon"}} }),
			"load the new key into your shell, then pm2 restart python3 --update-env",
		},
		{
			"supervisord keeps its own", process(func(s *Sighting) { s.Exporters = []Exporter{{700, "/usr/bin/supervisord"}} }),
			"restart supervisord (pid 700): it passes its own environment on, whatever supervisorctl restarts",
		},
		{
			"a user's manager forgets a variable", process(func(s *Sighting) { s.Exporters = []Exporter{{700, "systemd"}} }),
			"systemctl --user -M ada@ unset-environment K, then restart python3 (pid 900)",
		},
		{
			"so does the system's", process(func(s *Sighting) { s.Exporters = []Exporter{{1, "systemd"}} }),
			"systemctl unset-environment K, then restart python3 (pid 900)",
		},
		{
			"any other ancestor is restarted", process(func(s *Sighting) { s.Exporters = []Exporter{{700, "launcher"}} }),
			"restart launcher (pid 700): it passes the old key on to what it starts",
		},
		{
			"a file refers to the sink",
			Sighting{Kind: InFile, Path: "/srv/app/.env", Variable: "K", UID: -1},
			"take the key out of /srv/app/.env, and have its reader use " + sink,
		},
		{
			"a unit's own environment refers to the sink",
			Sighting{Kind: InUnit, Variable: "K", Unit: "app.service", Path: "/etc/systemd/system/app.service", UID: -1},
			"replace K in Environment= of /etc/systemd/system/app.service by EnvironmentFile=" + sink + ", then systemctl daemon-reload, systemctl restart app.service",
		},
		{"a manager's environment is unset", Sighting{Kind: InManager, Variable: "K", UID: -1}, "systemctl unset-environment K"},
		{"a user's manager's environment too", Sighting{Kind: InManager, Variable: "K", UID: 1000, User: "ada"}, "systemctl --user -M ada@ unset-environment K"},
		{
			"a container that holds a replaced file opens it again", process(func(s *Sighting) { s.Kind, s.Container, s.Path = OldInode, "3f2a", sink }),
			"docker restart 3f2a",
		},
		{
			"a unit that holds a replaced file is restarted", process(func(s *Sighting) { s.Kind, s.Unit, s.Path = OldInode, "app.service", sink }),
			"systemctl restart app.service",
		},
		{
			"a mount of one file becomes a mount of its folder", process(func(s *Sighting) { s.Kind, s.Pod, s.Path = OneFile, "shop/api", sink }),
			"mount the folder /run/livekey/sinks/app, not the single file, then kubectl delete pod -n shop api",
		},
	} {
		if got := Fix(c.s, nil, sink); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.rule, got, c.want)
		}
	}
}

// A restart alone would bring back what systemd itself passes on.
func TestFixBeginsWithWhatSystemdPassesOn(t *testing.T) {
	process := Sighting{Kind: InProcess, Print: "f", Variable: "K", PID: 9, UID: 1000, User: "ada", Command: "app", Unit: "app.service"}
	userProcess := process
	userProcess.Unit, userProcess.UserUnit = "user@1000.service", "mine.service"
	unit := Sighting{Kind: InUnit, Print: "f", Variable: "K", UID: -1, Unit: "app.service", Path: "/etc/systemd/system/app.service"}
	userUnit := Sighting{Kind: InUnit, Print: "f", Variable: "K", UID: 1000, User: "ada", UserUnit: "mine.service"}
	manager := Sighting{Kind: InManager, Print: "f", Variable: "K", UID: -1}
	userManager := Sighting{Kind: InManager, Print: "f", Variable: "K", UID: 1000, User: "ada"}
	other := func(s Sighting, change func(*Sighting)) Sighting { change(&s); return s }
	for _, c := range []struct {
		rule string
		s    Sighting
		all  []Sighting
		want string
	}{
		{"a unit's own block", process, []Sighting{unit}, "replace K in Environment= of /etc/systemd/system/app.service by EnvironmentFile=/s, then systemctl daemon-reload, systemctl restart app.service"},
		{"the manager's", process, []Sighting{manager}, "systemctl unset-environment K, then systemctl restart app.service"},
		{"another unit's is not its own", process, []Sighting{other(unit, func(s *Sighting) { s.Unit = "b.service" })}, "systemctl restart app.service"},
		{"nor another variable", process, []Sighting{other(manager, func(s *Sighting) { s.Variable = "L" })}, "systemctl restart app.service"},
		{"nor another version", process, []Sighting{other(manager, func(s *Sighting) { s.Print = "g" })}, "systemctl restart app.service"},
		{"nor a user's manager", process, []Sighting{userManager}, "systemctl restart app.service"},
		{"a user's unit has its user's", userProcess, []Sighting{manager, userManager}, "systemctl --user -M ada@ unset-environment K, then systemctl --user -M ada@ restart mine.service"},
		{"and its own", userProcess, []Sighting{userUnit}, "replace K in Environment= of mine.service by EnvironmentFile=/s, then systemctl --user -M ada@ daemon-reload, systemctl --user -M ada@ restart mine.service"},
	} {
		if got := Fix(c.s, c.all, "/s"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.rule, got, c.want)
		}
	}
}
