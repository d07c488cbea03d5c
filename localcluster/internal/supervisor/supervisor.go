package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"modelservice.dev/localcluster/internal/network"
	"modelservice.dev/localcluster/internal/state"
)

// Command is the sub-command that `up` starts inside the new namespaces.
const Command = "supervise"

// File descriptors that `up` hands to the supervisor.
const (
	// apiFD is the listening socket for the API server, made outside: a socket stays in the
	// network namespace in which it was made.
	apiFD = 3
	// aliveFD holds the lock by which the cluster lives.
	aliveFD = 4
	// goFD is a pipe that says a byte when `up` has noted our process id. If `up` dies before,
	// nobody could find us: we end too.
	goFD = 5
)

// FirstStep is where a machine fails that gives us namespaces without rights in them.
const FirstStep = "mounts"

const startSeconds = 120

// Options are the parameters of a cluster.
type Options struct {
	Dir  state.Dir
	Name string
	state.Parameters
}

type supervisor struct {
	Options
	paths  paths
	client kubernetes.Interface

	claims  listers.PersistentVolumeClaimLister
	volumes listers.PersistentVolumeLister

	mu        sync.Mutex
	processes map[string]*exec.Cmd
	forwards  map[string]string
}

// Run is the life of a cluster. It returns only when the cluster cannot start.
func Run(ctx context.Context, o Options) error {
	unix.CloseOnExec(aliveFD)
	if err := awaitGo(os.NewFile(goFD, "go")); err != nil {
		return err
	}
	s := &supervisor{
		Options: o, paths: paths{dir: o.Dir.Path},
		processes: map[string]*exec.Cmd{}, forwards: map[string]string{},
	}
	listener, err := inherited(apiFD)
	if err != nil {
		return err
	}
	if err := s.start(ctx, listener); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func awaitGo(pipe *os.File) error {
	if pipe == nil {
		return errors.New("this command is started by `up` only")
	}
	defer pipe.Close()
	if _, err := pipe.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("`up` has ended: %w", err)
	}
	return nil
}

func (s *supervisor) start(ctx context.Context, listener net.Listener) error {
	outside := listener.Addr().String()
	steps := []struct {
		what string
		do   func() error
	}{
		{FirstStep, mountOwn},
		{"network", func() error { return network.SetUp(s.Nodes) }},
		{"certificates", func() error { return issue(s.paths, outside, s.Nodes) }},
		{"requests", func() error { return s.takeRequests() }},
		{"etcd", func() error { return s.spawn(etcd(s.paths)) }},
		{"API server", func() error { return s.startAPIServer(ctx, listener) }},
		{"controllers", s.startControllers},
		{"storage", func() error { return s.startProvisioner(ctx) }},
		{"nodes", s.startNodes},
		{"nodes to be ready", func() error { return s.waitForNodes(ctx) }},
	}
	for _, step := range steps {
		if err := s.Dir.SaveProgress(step.what); err != nil {
			return err
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s.Dir.SaveReady()
}

func inherited(fd uintptr) (net.Listener, error) {
	file := os.NewFile(fd, "listener")
	if file == nil {
		return nil, fmt.Errorf("no listening socket was passed")
	}
	defer file.Close()
	return net.FileListener(file)
}

// mountOwn keeps our mounts from the machine, and gives us our own /proc and /run.
func mountOwn() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private: %w", err)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if err := unix.Mount("proc", "/proc", "proc", flags|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	if err := unix.Mount("run", "/run", "tmpfs", flags, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	// The nodes are in mount namespaces of their own and must see volumes that come later.
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// spawn starts a component; its output goes to its log.
func (s *supervisor) spawn(c component) error {
	log, err := os.OpenFile(s.Dir.Log(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", c.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = string(s.Dir)
	cmd.SysProcAttr = attributes(c)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	s.mu.Lock()
	s.processes[c.name] = cmd
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		fmt.Printf("%s ended: %s\n", c.name, cmd.ProcessState)
		s.mu.Lock()
		if s.processes[c.name] == cmd {
			delete(s.processes, c.name)
		}
		s.mu.Unlock()
	}()
	return nil
}

// attributes puts a node into process-id and mount namespaces of its own: when it is stopped,
// the kernel ends its containers and drops their mounts.
func attributes(c component) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if c.args[0] == NodeCommand {
		a.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	}
	return a
}

func (s *supervisor) startAPIServer(ctx context.Context, listener net.Listener) error {
	if err := os.WriteFile(s.Dir.Path("audit-policy.yaml"), []byte(auditPolicy), 0o644); err != nil {
		return err
	}
	if err := s.spawn(apiServer(s.paths)); err != nil {
		return err
	}
	go forward(listener, net.JoinHostPort(network.Gateway, "6443"))
	config, err := clientcmd.BuildConfigFromFlags("", s.paths.conf("provisioner"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 50, 100
	if s.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	return s.poll(ctx, "kube-apiserver", func() (bool, error) {
		body, err := s.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil && string(body) == "ok", err
	})
}

func (s *supervisor) startControllers() error {
	for _, c := range []component{controllerManager(s.paths), scheduler(s.paths), proxy(s.paths)} {
		if err := s.spawn(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *supervisor) startNodes() error {
	for n := 1; n <= s.Nodes; n++ {
		if err := s.spawn(node(s.paths, n, s.Options)); err != nil {
			return err
		}
	}
	return nil
}

// poll asks until done is true, the component has ended or time is up.
func (s *supervisor) poll(ctx context.Context, name string, done func() (bool, error)) error {
	deadline := time.Now().Add(startSeconds * time.Second)
	for {
		ok, err := done()
		if ok {
			return nil
		}
		s.mu.Lock()
		runs := s.processes[name] != nil
		s.mu.Unlock()
		if !runs {
			return fmt.Errorf("%s ended; see its log: %s", name, s.Dir.Log(name))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not after %d s: %w", name, startSeconds, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
