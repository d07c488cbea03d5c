package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"modelservice.dev/localcluster/internal/state"
)

// call runs the command line in an empty home and returns its error and cobra's own output.
func call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := root()
	var output bytes.Buffer
	command.SetOut(&output)
	command.SetErr(&output)
	command.SetArgs(args)
	err := command.Execute()
	return output.String(), err
}

func TestWrongArgumentsAreNamedWithTheWayOut(t *testing.T) {
	t.Setenv("LOCALCLUSTER_HOME", t.TempDir())
	missing := filepath.Join(t.TempDir(), "missing.json")
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"images": {"a:1": {"paths": []}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"frobnicate":              `unknown command "frobnicate"`,
		"up --nodse 3":            "unknown flag: --nodse; see `localcluster up --help`",
		"up extra":                "see `localcluster up --help`",
		"up --nodes many":         `invalid argument "many" for "--nodes"`,
		"up --nodes 0":            "--nodes 0: 1 to 200",
		"up --nodes 201":          "--nodes 201: 1 to 200",
		"up --gpus-per-node -1":   "must not be negative",
		"up --cpus-per-node 0":    "at least 1",
		"up --name Bad":           `--name "Bad": lower-case`,
		"up --images " + missing:  "--images: open " + missing,
		"up --images " + bad:      `unknown field "paths"`,
		"down extra":              "see `localcluster down --help`",
		"down --name ../x":        `--name "../x"`,
		"status --output xml":     `"xml": json is the only format`,
		"status":                  "cluster default does not run",
		"logs a b":                "see `localcluster logs --help`",
		"logs etcd":               `no component "etcd"`,
		"node stop":               "see `localcluster node stop --help`",
		"node stop node-1":        "does not run; start it with `localcluster up",
		"forward web:80":          `"web:80" is not IP:PORT`,
		"forward 10.96.0.1":       "is not IP:PORT",
		"forward 10.96.0.1:80":    "does not run",
		"kubectl get pods":        "does not run",
		"kubectl --name x -- get": "cluster x does not run",
		"helm list":               "does not run",
		"nsenter -- true":         "does not run",
	} {
		if _, err := call(t, strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if names, err := state.Names(); err != nil || len(names) != 0 {
		t.Errorf("a refused command left folders: %v, %v", names, err)
	}
}

func TestTheHelpNamesEveryCommandForPeopleAndNoOther(t *testing.T) {
	help, err := call(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{
		"up", "down", "status", "list", "logs", "node", "forward", "nsenter", "kubectl", "helm",
	} {
		if !strings.Contains(help, "\n  "+word+" ") {
			t.Errorf("%s is missing in\n%s", word, help)
		}
	}
	for word := range components() {
		if strings.Contains(help, "\n  "+word+" ") {
			t.Errorf("%s is in the help", word)
		}
	}
}

func TestOurNameIsTakenOffAndTheRestBelongsToTheTool(t *testing.T) {
	for line, want := range map[string]string{
		"get pods":                 "default|get pods",
		"--name x get pods":        "x|get pods",
		"--name=x -- get --name y": "x|get --name y",
		"-- get":                   "default|get",
		"get --name y":             "default|get --name y",
		"exec p -- ls":             "default|exec p -- ls",
		"":                         "default|",
	} {
		name, rest := splitName(strings.Fields(line))
		if got := name + "|" + strings.Join(rest, " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestSomeCommandsOfTheToolsNeedNoCluster(t *testing.T) {
	for line, want := range map[string]bool{
		"kubectl": false, "kubectl --help": false, "kubectl version": false, "kubectl get": true,
		"helm lint": false, "helm template": false, "helm install": true, "kubectl lint": true,
	} {
		words := strings.Fields(line)
		if got := needsCluster(words[0], words[1:]); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestWhatWasNotAskedForIsThatOfTheRunningCluster(t *testing.T) {
	running := state.Parameters{Nodes: 3, GPUsPerNode: 4, CPUsPerNode: 8, Images: "/i"}
	given := asked{
		state.Parameters{Nodes: 1, GPUsPerNode: 9},
		func(flag string) bool { return flag == "gpus-per-node" },
	}
	want := running
	want.GPUsPerNode = 9
	if got := given.over(running); got != want {
		t.Errorf("%+v", got)
	}
}

func TestFoldersThatAClusterHasItsOwnOfAreRefused(t *testing.T) {
	for path, seen := range map[string]bool{
		"/run/user/0/x": false, "/proc/x": false, "/running": true, "/tmp": true, "/home/x": true,
	} {
		if err := visible(path, "HOME"); (err == nil) != seen {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOnlyAnOrdinaryUserNeedsAUserNamespace(t *testing.T) {
	if namespaces(0, 0).Cloneflags&unix.CLONE_NEWUSER != 0 {
		t.Error("root")
	}
	user := namespaces(1000, 100)
	if user.Cloneflags&unix.CLONE_NEWUSER == 0 || user.UidMappings[0].HostID != 1000 ||
		user.GidMappings[0].HostID != 100 || user.UidMappings[0].Size != 1 {
		t.Errorf("%+v", user)
	}
}

func TestARefusalOfNamespacesNamesTheSettings(t *testing.T) {
	for _, refusal := range []error{unix.EPERM, unix.ENOSPC, unix.EACCES} {
		text := explain(fmt.Errorf("fork/exec: %w", refusal)).Error()
		for _, setting := range []string{
			"unprivileged_userns_clone", "apparmor_restrict_unprivileged_userns", "max_user_namespaces",
		} {
			if !strings.Contains(text, setting) {
				t.Errorf("%v: no %s in %q", refusal, setting, text)
			}
		}
	}
	if text := explain(unix.ENOENT).Error(); strings.Contains(text, "sysctl") {
		t.Error("another error:", text)
	}
}

func TestAToolsExitCodeIsOurs(t *testing.T) {
	if code, ok := exitCode(fmt.Errorf("kubectl: %w", exitError(3))); code != 3 || !ok {
		t.Error(code, ok)
	}
	if _, ok := exitCode(errors.New("other")); ok {
		t.Error("every error has an exit code")
	}
}

// cluster is the folder of a cluster with some files, whether or not anybody holds its lock.
func cluster(t *testing.T) state.Dir {
	t.Helper()
	t.Setenv("LOCALCLUSTER_HOME", t.TempDir())
	dir, err := state.Of("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir.Path("nodes", "locked"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.Path("nodes", "locked", "file"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir.Path("nodes", "locked"), 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDownRemovesTheFolderOfADeadCluster(t *testing.T) {
	dir := cluster(t)
	// A process id that is surely somebody's; nobody may be killed for what a dead file says.
	if err := dir.Save(state.Cluster{Name: "x", PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, "down", "--name", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(string(dir)); !os.IsNotExist(err) {
		t.Error("the folder is there:", err)
	}
	if _, err := call(t, "down", "--name", "x"); err != nil {
		t.Error("a second time:", err)
	}
}

func TestSweepKeepsWhatItIsTold(t *testing.T) {
	dir := cluster(t)
	up, err := dir.LockUp()
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	if err := sweep(dir, state.UpLock, state.AliveFile); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, _ := os.ReadDir(string(dir))
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if !slices.Equal(left, []string{state.UpLock}) {
		t.Error(left)
	}
}

func TestDownDoesNotKillForAClusterThatIsOnlyBeingStarted(t *testing.T) {
	dir := cluster(t)
	held, err := dir.LockAlive()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := call(t, "down", "--name", "x"); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Error(err)
	}
}

func TestAnUpWaitsForItsTurnAndFindsTheFolderRemade(t *testing.T) {
	dir := cluster(t)
	held, err := dir.LockUp()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := waitForTurn(dir, "x", time.Now()); err == nil || !strings.Contains(err.Error(), "still at work") {
		t.Error("while another one works:", err)
	}
	if err := sweep(dir); err != nil {
		t.Fatal(err)
	}
	turn, err := waitForTurn(dir, "x", time.Now())
	if err != nil {
		t.Fatal("after a down:", err)
	}
	turn.Close()
	held.Close()
}
