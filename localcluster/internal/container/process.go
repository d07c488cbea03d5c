package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// InitCommand is the sub-command that calls Init.
const InitCommand = "container-init"

// Start starts the container that spec describes. The error says why it could not.
func Start(spec Spec, stdout, stderr io.Writer) (*exec.Cmd, error) {
	specFile, err := specPipe(spec)
	if err != nil {
		return nil, err
	}
	defer specFile.Close()
	failures, failed, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer failures.Close()
	cmd := exec.Command("/proc/self/exe", InitCommand)
	cmd.Args[0] = "localcluster"
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.ExtraFiles = []*os.File{specFile, failed}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS,
	}
	err = cmd.Start()
	failed.Close()
	if err != nil {
		return nil, fmt.Errorf("start of the set-up process: %w", err)
	}
	reason, err := io.ReadAll(failures)
	if err == nil && len(reason) == 0 {
		return cmd, nil
	}
	_ = cmd.Wait()
	return nil, errors.Join(errors.New(string(reason)), err)
}

func specPipe(spec Spec) (*os.File, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		_, _ = writer.Write(data)
		writer.Close()
	}()
	return reader, nil
}

// Exec is a further command inside a running container; PID is its first process.
type Exec struct {
	PID  int
	Spec Spec
	Args []string
	// Cancel ends the command with all that it has started.
	Cancel <-chan struct{}
}

// Run runs the command to its end inside the container's root, network and process ids. The
// caller sets the streams in prepare.
func (e Exec) Run(prepare func(*exec.Cmd) error) error {
	root := "/proc/" + strconv.Itoa(e.PID) + "/root"
	path, err := LookPath(root, e.Args[0], e.Spec.Env)
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: path, Args: e.Args, Env: e.Spec.Env, Dir: e.Spec.Dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if Mapped(e.Spec.UID) && Mapped(e.Spec.GID) && groupsAllowed() {
		cmd.SysProcAttr.Credential = &syscall.Credential{
			Uid: uint32(e.Spec.UID), Gid: uint32(e.Spec.GID), Groups: ids(e.Spec.Groups),
		}
	}
	if err := prepare(cmd); err != nil {
		return err
	}
	if err := startInside(cmd, e); err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-e.Cancel:
			// Its whole group: a child that keeps the streams open would keep us waiting.
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		case <-ended:
		}
	}()
	return cmd.Wait()
}

func ids(groups []int) []uint32 {
	out := make([]uint32, 0, len(groups))
	for _, group := range groups {
		out = append(out, uint32(group))
	}
	return out
}

// startInside starts cmd from a thread that has joined the container's namespaces and has what
// the container may have. The thread is thrown away: it could not be brought back for certain.
func startInside(cmd *exec.Cmd, e Exec) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := joinAll(e.PID); err != nil {
			done <- err
			return
		}
		if err := restrict(e.Spec); err != nil {
			done <- err
			return
		}
		done <- cmd.Start()
	}()
	return <-done
}

// joinAll joins the mounts last: /proc shows us the container only before.
func joinAll(pid int) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, name := range []string{"ipc", "uts", "net", "pid", "mnt"} {
		if err := join(pid, name); err != nil {
			return err
		}
	}
	return nil
}

func join(pid int, name string) error {
	path := fmt.Sprintf("/proc/%d/ns/%s", pid, name)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the container has ended: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, 0); err != nil {
		return fmt.Errorf("join %s: %w", path, err)
	}
	return nil
}

// ExitCode is the code that Kubernetes shows: the program's own, or 128 plus the signal.
func ExitCode(state *os.ProcessState) int {
	if state == nil {
		return 255
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// Hostname is a pod's name as a host name: at most 63 characters.
func Hostname(pod string) string {
	if len(pod) > 63 {
		pod = strings.TrimRight(pod[:63], "-.")
	}
	return pod
}
