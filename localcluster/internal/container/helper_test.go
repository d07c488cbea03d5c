package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A container needs namespaces around it, as a node has them. The tests start themselves again in
// such ones: as a helper, which starts the container that its input describes.
const helperVariable = "CONTAINER_TEST_HELPER"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == InitCommand:
		os.Exit(Init())
	case os.Getenv(helperVariable) != "":
		os.Exit(helper())
	}
	os.Exit(m.Run())
}

// task is a helper's input: a container, and what to run in it by and by.
type task struct {
	Spec
	// Exec is run once Ready is in the container's output; CancelAfter ends it.
	Ready       string
	Exec        []string
	CancelAfter time.Duration
}

// outcome is a helper's output.
type outcome struct {
	Refused    string // why there are no namespaces here
	StartError string
	Stdout     string
	Stderr     string
	Code       int

	ExecOutput string
	ExecError  string
	ExecTook   time.Duration
}

func helper() int {
	var given task
	var result outcome
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", flags, ""),
	)
	if err != nil {
		result.Refused = fmt.Sprint("mounts in a namespace: ", err)
	} else {
		result.run(given)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
	return 0
}

func (o *outcome) run(given task) {
	stdout := &watched{wanted: given.Ready, seen: make(chan struct{})}
	var stderr bytes.Buffer
	given.Network = "/proc/self/ns/net"
	cmd, err := Start(given.Spec, stdout, &stderr)
	if err != nil {
		o.StartError = err.Error()
		return
	}
	if len(given.Exec) > 0 {
		<-stdout.seen
		o.exec(cmd.Process.Pid, given)
		_ = cmd.Process.Kill()
	}
	_ = cmd.Wait()
	o.Stdout, o.Stderr, o.Code = stdout.text.String(), stderr.String(), ExitCode(cmd.ProcessState)
}

func (o *outcome) exec(pid int, given task) {
	var output bytes.Buffer
	cancel := make(chan struct{})
	if given.CancelAfter > 0 {
		time.AfterFunc(given.CancelAfter, func() { close(cancel) })
	}
	began := time.Now()
	job := Exec{PID: pid, Spec: given.Spec, Args: given.Exec, Cancel: cancel}
	err := job.Run(func(cmd *exec.Cmd) error {
		cmd.Stdout, cmd.Stderr = &output, &output
		return nil
	})
	if err != nil {
		o.ExecError = err.Error()
	}
	o.ExecOutput, o.ExecTook = output.String(), time.Since(began)
}

// watched is a buffer that says when a text is in it.
type watched struct {
	text   bytes.Buffer
	wanted string
	seen   chan struct{}
}

func (w *watched) Write(data []byte) (int, error) {
	n, err := w.text.Write(data)
	if w.wanted != "" && bytes.Contains(w.text.Bytes(), []byte(w.wanted)) {
		w.wanted = ""
		close(w.seen)
	}
	return n, err
}

// nobody is the ordinary user of these tests where they themselves are root.
const nobody = 65534

// who starts the container: root, or an ordinary user with one mapped id.
type who string

const (
	asRoot     who = "root"
	asOrdinary who = "an ordinary user"
)

// run starts a helper and returns what it saw; it skips the test where the machine forbids it.
func (w who) run(t *testing.T, given task) outcome {
	t.Helper()
	data, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVariable+"=1")
	cmd.Stdin = bytes.NewReader(data)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET,
	}
	switch {
	case w == asOrdinary:
		uid, gid := os.Getuid(), os.Getgid()
		if uid == 0 {
			uid, gid = nobody, nobody
		}
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
		cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
	case os.Getuid() != 0:
		t.Skip("this test needs root, and runs as an ordinary user")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EACCES) {
		t.Skipf("no namespaces for %s on this machine: %v", w, err)
	}
	if err != nil {
		t.Fatalf("helper: %v\n%s", err, stderr.String())
	}
	var result outcome
	if err := json.Unmarshal(output, &result); err != nil {
		t.Fatalf("%v: %q\n%s", err, output, stderr.String())
	}
	if result.Refused != "" {
		t.Skipf("no mounts for %s on this machine: %s", w, result.Refused)
	}
	return result
}

// folder is a temporary folder that the ordinary user reaches too.
func folder(t *testing.T) string {
	t.Helper()
	made := t.TempDir()
	if err := os.Chmod(filepath.Dir(made), 0o755); err != nil {
		t.Fatal(err)
	}
	return made
}

// shell is a container that runs a script.
func shell(t *testing.T, script string) task {
	t.Helper()
	capabilities, err := Capabilities(false, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return task{Spec: Spec{
		Root: folder(t), Hostname: "pod-1", Dir: "/", Capabilities: capabilities,
		Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "GIVEN=yes"},
	}}
}
