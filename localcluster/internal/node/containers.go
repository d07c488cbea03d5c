package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/images"
	"modelservice.dev/localcluster/internal/network"
)

// startErrorCode is what containerd reports for a container that could not be started.
const startErrorCode = 128

// process is a container: what was asked for, and the process once it runs.
type process struct {
	config  *runtimeapi.ContainerConfig
	pod     *runtimeapi.PodSandboxConfig
	sandbox string
	spec    container.Spec
	limit   int64
	done    chan struct{} // closed when it has ended

	// Guarded by the runtime's mu; nil and empty until it runs.
	cmd       *exec.Cmd
	log       *container.LogFile
	namespace string
	oomKilled bool
}

// runs tells whether it has been started and has not ended.
func (p *process) runs() bool {
	select {
	case <-p.done:
		return false
	default:
		return p.cmd != nil
	}
}

// CreateContainer keeps what the kubelet asks for.
func (r *processRuntime) CreateContainer(
	ctx context.Context, sandboxID string,
	config *runtimeapi.ContainerConfig, pod *runtimeapi.PodSandboxConfig,
) (string, error) {
	image, err := images.Find(r.imagesMap, config.GetImage().GetImage())
	if err != nil {
		return "", err
	}
	id, err := r.FakeRuntimeService.CreateContainer(ctx, sandboxID, config, pod)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	box := r.sandboxes[sandboxID]
	r.serial++
	root := filepath.Join(r.dir, "containers", strconv.Itoa(r.serial))
	r.mu.Unlock()
	if box == nil {
		return "", fmt.Errorf("pod sandbox %s has been stopped", sandboxID)
	}
	spec, err := specOf(config, pod, image, root, network.Namespace(box.netns))
	if err != nil {
		return "", err
	}
	p := &process{
		config:  config,
		pod:     pod,
		sandbox: sandboxID,
		spec:    spec,
		limit:   config.GetLinux().GetResources().GetMemoryLimitInBytes(),
		done:    make(chan struct{}),
	}
	r.mu.Lock()
	r.containers[id] = p
	r.mu.Unlock()
	r.Lock()
	r.Containers[id].LogPath = filepath.Join(pod.LogDirectory, config.LogPath)
	r.Containers[id].Mounts = config.Mounts
	r.Unlock()
	return id, os.MkdirAll(root, 0o755)
}

// StartContainer starts the process. A program that cannot be started ends the container with
// code 128 and the reason StartError, as containerd does.
func (r *processRuntime) StartContainer(ctx context.Context, id string) error {
	p := r.process(id)
	if p == nil {
		return fmt.Errorf("container %s not found", id)
	}
	if err := r.FakeRuntimeService.StartContainer(ctx, id); err != nil {
		return err
	}
	if err := r.launch(id, p); err != nil {
		r.ended(id, startErrorCode, "StartError", err.Error())
		close(p.done)
		return err
	}
	return nil
}

func (r *processRuntime) launch(id string, p *process) error {
	path := filepath.Join(p.pod.LogDirectory, p.config.LogPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	log, err := container.NewLogFile(path)
	if err != nil {
		return err
	}
	output, err := newOutput(log)
	if err != nil {
		return errors.Join(err, log.Close())
	}
	cmd, err := container.Start(p.spec, output.stdout, output.stderr)
	output.started()
	if err != nil {
		output.wait()
		return err
	}
	namespace, err := container.PIDNamespace(cmd.Process.Pid)
	if err != nil {
		namespace = ""
	}
	r.mu.Lock()
	p.cmd, p.log, p.namespace = cmd, log, namespace
	r.mu.Unlock()
	go r.await(id, p, output)
	return nil
}

func (r *processRuntime) await(id string, p *process, output *output) {
	_ = p.cmd.Wait()
	output.wait()
	code, reason := container.ExitCode(p.cmd.ProcessState), "Error"
	r.mu.Lock()
	killed := p.oomKilled
	r.mu.Unlock()
	switch {
	case killed:
		reason = "OOMKilled"
	case code == 0:
		reason = "Completed"
	}
	r.ended(id, code, reason, "")
	close(p.done)
}

func (r *processRuntime) ended(id string, code int, reason, message string) {
	r.Lock()
	defer r.Unlock()
	if c := r.Containers[id]; c != nil {
		c.State = runtimeapi.ContainerState_CONTAINER_EXITED
		c.ExitCode = int32(code)
		c.FinishedAt = time.Now().UnixNano()
		c.Reason, c.Message = reason, message
	}
}

// StopContainer sends TERM, waits, and sends KILL.
func (r *processRuntime) StopContainer(_ context.Context, id string, grace int64) error {
	p, err := r.running(id)
	if err != nil {
		return nil // nothing is left to stop
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(time.Duration(grace) * time.Second):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return nil
}

// RemoveContainer ends the process if it still runs and forgets the container.
func (r *processRuntime) RemoveContainer(ctx context.Context, id string) error {
	if err := r.StopContainer(ctx, id, 0); err != nil {
		return err
	}
	r.mu.Lock()
	p := r.containers[id]
	delete(r.containers, id)
	r.mu.Unlock()
	if p != nil {
		_ = os.RemoveAll(p.spec.Root)
	}
	return r.FakeRuntimeService.RemoveContainer(ctx, id)
}

// ReopenContainerLog goes on in a new file: the kubelet has put the full one aside.
func (r *processRuntime) ReopenContainerLog(_ context.Context, id string) error {
	p, err := r.running(id)
	if err != nil {
		return err
	}
	return p.log.Reopen()
}

func (r *processRuntime) process(id string) *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.containers[id]
}

// running returns the process of a container that runs.
func (r *processRuntime) running(id string) (*process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.containers[id]
	if p == nil || !p.runs() {
		return nil, fmt.Errorf("container %s is not running", id)
	}
	return p, nil
}
