package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// both runs a test as root and as an ordinary user.
func both(t *testing.T, test func(t *testing.T, by who)) {
	for _, by := range []who{asRoot, asOrdinary} {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			test(t, by)
		})
	}
}

func TestWhatAContainerSees(t *testing.T) {
	for name, row := range map[string]struct{ script, want string }{
		"its output":                       {"echo out", "out"},
		"its environment and nothing else": {"env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD | sort", "GIVEN=yes\nPATH=/usr/bin:/bin"},
		"its host name":                    {"uname -n", "pod-1"},
		"itself as the first process":      {"echo $$ /proc/[0-9]*", "1 /proc/1"},
		"no homes":                         {"ls -A /root /home", "/home:\n\n/root:"},
		"no data of the machine":           {"ls -A /srv /mnt /run /tmp", "/mnt:\n\n/run:\n\n/srv:\n\n/tmp:"},
		"no /work":                         {"ls -d /work 2>&1 | grep -c 'No such file'", "1"},
		"system folders, read-only":        {"touch /usr/x 2>&1 | grep -o 'Read-only file system'", "Read-only file system"},
		"a scratch folder":                 {"echo a > /tmp/a && cat /tmp/a", "a"},
		"a writable root":                  {"mkdir /new && echo made", "made"},
		"shared memory of 64 MiB":          {"echo a > /dev/shm/a && df -k /dev/shm | tail -1 | awk '{print $2}'", "65536"},
		"devices":                          {"head -c1 /dev/zero | wc -c; echo x > /dev/null && echo ok", "1\nok"},
		"links to streams":                 {"echo x | cat /dev/stdin", "x"},
		"/var/run as /run":                 {"touch /run/a && ls /var/run", "a"},
		"the machine's /etc":               {"grep -c ^root: /etc/passwd", "1"},
		"no DNS":                           {"grep ^nameserver /etc/resolv.conf", "nameserver 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, by who) {
				got := by.run(t, shell(t, row.script))
				if got.StartError != "" || strings.TrimSpace(got.Stdout) != row.want {
					t.Errorf("%q, want %q; %s %s", got.Stdout, row.want, got.Stderr, got.StartError)
				}
			})
		})
	}
}

func TestTheExitCodeIsTheProgramsOwn(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		for script, want := range map[string]int{"exit 0": 0, "exit 7": 7} {
			if got := by.run(t, shell(t, script)); got.Code != want {
				t.Errorf("%s: %+v", script, got)
			}
		}
	})
}

func TestAContainerThatCannotStartSaysWhy(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*Spec)
		reason string
	}{
		"no such program": {func(s *Spec) { s.Args = []string{"no-such"} }, `"no-such": executable file not found`},
		"no such path":    {func(s *Spec) { s.Args = []string{"/no/such"} }, "no such file"},
		"no program":      {func(s *Spec) { s.Args = []string{"/etc/passwd"} }, "permission denied"},
		"a folder that is a file": {func(s *Spec) { s.Dir = "/etc/passwd" },
			"working directory"},
		"a lost volume": {func(s *Spec) { s.Mounts = []Mount{{Source: "/no/such", Target: "/v"}} },
			"volume at /v"},
		"a volume at a file's place": {func(s *Spec) {
			s.Mounts = []Mount{{Source: "/usr", Target: "/etc/passwd/v"}}
		}, "volume at /etc/passwd/v"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, by who) {
				given := shell(t, "")
				row.change(&given.Spec)
				if got := by.run(t, given); !strings.Contains(got.StartError, row.reason) {
					t.Errorf("%+v, want %q", got, row.reason)
				}
			})
		})
	}
}

func TestAReadOnlyRootTakesWritesToVolumesOnly(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		given := shell(t, `for f in /a /tmp/a /etc/a /opt/a /etc/ssl/a; do touch $f 2>/dev/null && echo $f; done
			touch /v/a /opt/v/a /dev/shm/a && echo written; cat /etc/ssl/v/known`)
		given.ReadOnly = true
		volume := writable(t)
		given.Mounts = []Mount{
			{Source: volume, Target: "/v"}, {Source: volume, Target: "/opt/v"},
			{Source: volume, Target: "/etc/ssl/v", ReadOnly: true},
		}
		if got := by.run(t, given); got.Stdout != "written\nknown\n" {
			t.Errorf("%+v", got)
		}
	})
}

// writable is a folder that every user may write to, with one file.
func writable(t *testing.T) string {
	t.Helper()
	made := folder(t)
	if err := os.WriteFile(filepath.Join(made, "known"), []byte("known\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made, 0o777); err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAVolumeCanBeMountedAnywhere(t *testing.T) {
	for _, target := range []string{
		"/v", "/deep/er/v", "/var/run/v", "/run/v", "/tmp", "/etc/v", "/etc/ssl", "/etc/ssl/certs",
		"/etc/ssl/new/v", "/opt/v", "/opt/v/deeper", "/usr/share/v", "/usr/local/lib/v/w", "/bin/v",
		"/dev/shm", "/root/v",
	} {
		t.Run(target, func(t *testing.T) {
			both(t, func(t *testing.T, by who) {
				given := shell(t, "cat "+target+"/known; ls /usr/bin/env /etc/passwd; touch "+target+"/new")
				given.Mounts = []Mount{{Source: writable(t), Target: target, ReadOnly: true}}
				got := by.run(t, given)
				if !strings.HasPrefix(got.Stdout, "known\n/etc/passwd\n/usr/bin/env\n") ||
					!strings.Contains(got.Stderr, "Read-only file system") {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestAFileCanBeMountedOverAFile(t *testing.T) {
	for _, target := range []string{"/etc/hosts", "/etc/passwd", "/etc/ssl/openssl.cnf", "/opt/new", "/a/b/c"} {
		t.Run(target, func(t *testing.T) {
			both(t, func(t *testing.T, by who) {
				given := shell(t, "cat "+target)
				source := filepath.Join(writable(t), "known")
				given.Mounts = []Mount{{Source: source, Target: target}}
				if got := by.run(t, given); got.Stdout != "known\n" {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestFoldersOfAnImageAreSeenWhereTheyAreAndReadOnly(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		image := writable(t)
		given := shell(t, "cat "+image+"/known; touch "+image+"/new 2>/dev/null || echo refused")
		given.Binds = []string{image}
		if got := by.run(t, given); got.Stdout != "known\nrefused\n" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAVolumeHidesNoFolderOfAnImage(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		image := writable(t)
		given := shell(t, "cat "+image+"/known; touch "+image+"/new 2>/dev/null || echo refused; touch /tmp/new && ls /tmp/new")
		given.Binds = []string{image}
		given.Mounts = []Mount{{Source: writable(t), Target: "/tmp"}}
		if !Under(image, "/tmp") {
			t.Skipf("the temporary folder %s is not in /tmp", image)
		}
		if got := by.run(t, given); got.Stdout != "known\nrefused\n/tmp/new\n" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAWorkingDirectoryIsMadeWhereItIsMissing(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		for _, dir := range []string{"/usr", "/new/one"} {
			given := shell(t, "pwd")
			given.Dir, given.ReadOnly = dir, true
			if got := by.run(t, given); got.Stdout != dir+"\n" {
				t.Errorf("%s: %+v", dir, got)
			}
		}
	})
}

func TestRootCanGiveAContainerAnotherUser(t *testing.T) {
	given := shell(t, "id -u; id -g; id -G; grep CapEff /proc/self/status")
	given.UID, given.GID, given.Groups = 65532, 7, []int{8}
	got := asRoot.run(t, given)
	if want := "65532\n7\n7 8\nCapEff:\t0000000000000000\n"; got.Stdout != want {
		t.Errorf("%+v", got)
	}
}

func TestAnOrdinaryUsersContainersAllRunAsHim(t *testing.T) {
	given := shell(t, "id -u")
	given.UID = 65532
	if got := asOrdinary.run(t, given); got.Stdout != "0\n" {
		t.Errorf("%+v", got)
	}
}

func TestDroppedCapabilitiesAreGone(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		given := shell(t, "grep -e CapEff -e NoNewPrivs /proc/self/status")
		given.Capabilities, given.NoNewPrivileges = nil, true
		if got := by.run(t, given); got.Stdout != "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAFurtherCommandRunsInsideOfTheContainer(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		given := shell(t, "echo here > /tmp/f; echo ready; sleep 100")
		given.Ready = "ready"
		given.Exec = []string{"sh", "-c", "cat /tmp/f; uname -n; ls -A /root; cat /proc/1/comm"}
		if got := by.run(t, given); got.ExecOutput != "here\npod-1\nsh\n" || got.Code != 137 {
			t.Errorf("%+v", got)
		}
	})
}

func TestACancelledCommandEndsWithItsChildren(t *testing.T) {
	both(t, func(t *testing.T, by who) {
		given := shell(t, "echo ready; sleep 100")
		given.Ready, given.CancelAfter = "ready", 100*time.Millisecond
		given.Exec = []string{"sh", "-c", "echo begun; sleep 50; true"}
		got := by.run(t, given)
		if got.ExecError != "signal: killed" || got.ExecOutput != "begun\n" || got.ExecTook > 20*time.Second {
			t.Errorf("%+v", got)
		}
	})
}
