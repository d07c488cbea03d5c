package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"modelservice.dev/localcluster/internal/state"
	"modelservice.dev/localcluster/internal/supervisor"
)

const pollInterval = 50 * time.Millisecond

// already answers an `up` of a cluster that lives; it may still be on its way.
func already(dir state.Dir, name string, want asked, deadline time.Time) error {
	cluster, err := dir.Load()
	if err != nil {
		return fmt.Errorf("cluster %s is being started or ended by another process: %w", name, err)
	}
	difference := state.Difference(cluster.Parameters, want.over(cluster.Parameters))
	if difference != "" {
		return fmt.Errorf("cluster %s runs with other parameters (%s); `localcluster down --name %s` first",
			name, difference, name)
	}
	ended := func() bool {
		alive, err := dir.Alive()
		return err == nil && !alive
	}
	if err := follow(dir, ended, deadline); err != nil {
		return err
	}
	fmt.Printf("cluster %s runs; KUBECONFIG=%s\n", name, dir.Kubeconfig())
	return nil
}

// start starts a cluster in a folder that nobody else works on: we hold both of its locks.
func start(
	dir state.Dir, name string, want state.Parameters, alive *os.File, deadline time.Time,
) error {
	if err := sweep(dir, state.UpLock, state.AliveFile); err != nil {
		return err
	}
	if err := os.MkdirAll(dir.Path("logs"), 0o755); err != nil {
		return err
	}
	began := time.Now()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	cmd, err := spawn(dir, name, want, listener.(*net.TCPListener), alive)
	if err != nil {
		return err
	}
	alive.Close() // from here on it is the supervisor's alone
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	ended := func() bool {
		select {
		case <-exited:
			return true
		default:
			return false
		}
	}
	if err := follow(dir, ended, deadline); err != nil {
		_ = cmd.Process.Kill()
		<-exited
		if step, _ := dir.Progress(); step == supervisor.FirstStep {
			return fmt.Errorf("%w\n%s", err, advice)
		}
		return err
	}
	fmt.Printf("cluster %s is ready after %.1f s; KUBECONFIG=%s\n",
		name, time.Since(began).Seconds(), dir.Kubeconfig())
	return nil
}

// spawn starts the supervisor in namespaces of its own and lets it go on once its process id is
// noted in cluster.json.
func spawn(
	dir state.Dir, name string, p state.Parameters, listener *net.TCPListener, alive *os.File,
) (*exec.Cmd, error) {
	socket, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	wait, goOn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer goOn.Close()
	cmd, err := supervise(dir, name, p, []*os.File{socket, alive, wait})
	wait.Close()
	if err != nil {
		return nil, explain(err)
	}
	cluster := state.Cluster{
		Name: name, PID: cmd.Process.Pid, Parameters: p, APIAddress: listener.Addr().String(),
	}
	if err := dir.Save(cluster); err != nil {
		return nil, err
	}
	_, err = goOn.Write([]byte{1})
	return cmd, err
}

func supervise(
	dir state.Dir, name string, p state.Parameters, files []*os.File,
) (*exec.Cmd, error) {
	log, err := os.Create(dir.Log("supervisor"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", supervisor.Command,
		"--dir="+string(dir), "--name="+name, "--images="+p.Images,
		"--nodes="+strconv.Itoa(p.Nodes), "--gpus-per-node="+strconv.Itoa(p.GPUsPerNode),
		"--cpus-per-node="+strconv.Itoa(p.CPUsPerNode))
	cmd.Args[0] = "localcluster"
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = files
	cmd.SysProcAttr = namespaces(os.Getuid(), os.Getgid())
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+os.Getenv("LOCALCLUSTER_LIBRARY_PATH"))
	return cmd, cmd.Start()
}

// namespaces are mounts, network, process ids and, for an ordinary user, user ids: one id is
// mapped, to root.
func namespaces(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
	}
	if uid != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return a
}

// advice is for machines that refuse user namespaces, or give one without any rights.
const advice = `Does this machine let you make namespaces? As root, allow it with one of
  sysctl -w kernel.unprivileged_userns_clone=1
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu 24.04)
  sysctl -w user.max_user_namespaces=10000
In a container, /proc must not be masked. Or use a cluster of your own.`

func explain(err error) error {
	for _, refusal := range []error{unix.EPERM, unix.ENOSPC, unix.EACCES} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("this machine does not let you make user namespaces: %w\n%s", err, advice)
		}
	}
	return fmt.Errorf("start of the cluster: %w", err)
}

// follow prints the supervisor's steps until it is ready, has ended or time is up.
func follow(dir state.Dir, ended func() bool, deadline time.Time) error {
	said := ""
	for {
		over := ended()
		step, ready := dir.Progress()
		switch {
		case ready && !over:
			return nil
		case over:
			return fmt.Errorf("the cluster ended while starting %s:\n%s", said, tail(dir.Log("supervisor")))
		case time.Now().After(deadline):
			return fmt.Errorf("not ready in time, at: %s; see the logs in %s", said, dir.Path("logs"))
		case step != said:
			said = step
			fmt.Println("starting", said)
		}
		time.Sleep(pollInterval)
	}
}

func tail(path string) string {
	data, _ := os.ReadFile(path)
	return string(data[max(0, len(data)-2000):])
}
