package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"time"

	"github.com/vishvananda/netns"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/network"
)

// dialSeconds bounds the connection that a port-forward makes to the pod.
const dialSeconds = 10

// ExecSync runs a command in a container to its end (exec probes, life-cycle hooks).
func (r *processRuntime) ExecSync(
	ctx context.Context, id string, command []string, limit time.Duration,
) ([]byte, []byte, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	err := r.exec(ctx, id, command, nil, &stdout, &stderr)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		// The only error that makes a probe fail by time; others leave it undecided.
		return nil, nil, fmt.Errorf("command %q after %s: %w", command, limit, remote.ErrCommandTimedOut)
	}
	return stdout.Bytes(), stderr.Bytes(), err
}

func (r *processRuntime) exec(
	ctx context.Context, id string, command []string, in io.Reader, out, err io.Writer,
) error {
	p, failure := r.running(id)
	if failure != nil {
		return failure
	}
	job := container.Exec{
		PID: p.cmd.Process.Pid, Spec: p.spec, Args: command, Cancel: ctx.Done(),
	}
	failure = job.Run(func(cmd *exec.Cmd) error {
		cmd.Stdout, cmd.Stderr = out, err
		if in != nil {
			return feed(cmd, in)
		}
		return nil
	})
	var exit *exec.ExitError
	if errors.As(failure, &exit) {
		return utilexec.CodeExitError{Err: failure, Code: container.ExitCode(exit.ProcessState)}
	}
	return failure
}

// feed copies in to the command by hand: exec.Cmd would wait for the caller's end of it.
func feed(cmd *exec.Cmd, in io.Reader) error {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, in)
		stdin.Close()
	}()
	return nil
}

// Exec, Attach and PortForward give the address at which the kubelet finds the stream.
func (r *processRuntime) Exec(
	_ context.Context, request *runtimeapi.ExecRequest,
) (*runtimeapi.ExecResponse, error) {
	return r.streams.GetExec(request)
}

// Attach gives the address of the stream.
func (r *processRuntime) Attach(
	_ context.Context, request *runtimeapi.AttachRequest,
) (*runtimeapi.AttachResponse, error) {
	return r.streams.GetAttach(request)
}

// PortForward gives the address of the stream.
func (r *processRuntime) PortForward(
	_ context.Context, request *runtimeapi.PortForwardRequest,
) (*runtimeapi.PortForwardResponse, error) {
	return r.streams.GetPortForward(request)
}

// streamRuntime is the other end of those addresses.
type streamRuntime struct{ *processRuntime }

// Exec runs a command for `kubectl exec`. Terminals are not made: -t behaves like a pipe.
func (s streamRuntime) Exec(
	ctx context.Context, id string, command []string,
	in io.Reader, out, err io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize,
) error {
	var stderr io.Writer = io.Discard
	if err != nil {
		stderr = err
	}
	var stdout io.Writer = io.Discard
	if out != nil {
		stdout = out
	}
	return s.exec(ctx, id, command, in, stdout, stderr)
}

// Attach is refused: containers here have no terminal to attach to.
func (s streamRuntime) Attach(
	context.Context, string, io.Reader, io.WriteCloser, io.WriteCloser, bool,
	<-chan remotecommand.TerminalSize,
) error {
	return errors.New("attach is not to be had in a local cluster; use logs -f or exec")
}

// PortForward connects a stream with a port inside the pod's network.
func (s streamRuntime) PortForward(
	_ context.Context, id string, port int32, stream io.ReadWriteCloser,
) error {
	s.mu.Lock()
	box := s.sandboxes[id]
	s.mu.Unlock()
	if box == nil {
		return fmt.Errorf("pod sandbox %s is not running", id)
	}
	connection, err := dialInside(network.Namespace(box.netns), port)
	if err != nil {
		return err
	}
	defer connection.Close()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]io.ReadWriter{{connection, stream}, {stream, connection}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
	return nil
}

func dialInside(path string, port int32) (net.Conn, error) {
	type result struct {
		net.Conn
		error
	}
	dialled := make(chan result)
	go func() {
		// The socket belongs to the namespace of the thread that makes it; the thread is
		// thrown away with this goroutine.
		runtime.LockOSThread()
		pod, err := netns.GetFromPath(path)
		if err != nil {
			dialled <- result{nil, err}
			return
		}
		defer pod.Close()
		if err := netns.Set(pod); err != nil {
			dialled <- result{nil, err}
			return
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		connection, err := net.DialTimeout("tcp4", address, dialSeconds*time.Second)
		dialled <- result{connection, err}
	}()
	got := <-dialled
	return got.Conn, got.error
}
