// Package node is one node of the cluster: the real kubelet over a container runtime that
// starts processes. The kubelet takes its runtime as a Go interface; what it keeps of pods and
// containers lives in the CRI's own fake, and what happens to them happens here.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	critesting "k8s.io/cri-api/pkg/apis/testing"
	"k8s.io/cri-streaming/pkg/streaming"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/images"
	"modelservice.dev/localcluster/internal/network"
)

const (
	runtimeName    = "localcluster"
	runtimeVersion = "1.0.0"
)

// startErrorCode is what containerd reports for a container that could not be started.
const startErrorCode = 128

// processRuntime is the container runtime: state in the embedded fake, effects here.
type processRuntime struct {
	*critesting.FakeRuntimeService
	dir       string
	imagesMap string
	streams   streaming.Server

	mu         sync.Mutex
	pool       *network.Pool
	sandboxes  map[string]*sandbox
	containers map[string]*process
	serial     int
}

// sandbox is a pod's network.
type sandbox struct {
	netns, ip string
}

// process is a container: what was asked for, and the process once it runs.
type process struct {
	config  *runtimeapi.ContainerConfig
	pod     *runtimeapi.PodSandboxConfig
	sandbox string
	spec    container.Spec
	cmd     *exec.Cmd
	done    chan struct{}

	limit     int64
	namespace string
	oomKilled bool
}

func newRuntime(number int, dir, imagesMap string) *processRuntime {
	r := &processRuntime{
		FakeRuntimeService: critesting.NewFakeRuntimeService(),
		dir:                dir,
		imagesMap:          imagesMap,
		pool:               network.NewPool(number),
		sandboxes:          map[string]*sandbox{},
		containers:         map[string]*process{},
	}
	r.FakeStatus = &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: runtimeapi.RuntimeReady, Status: true},
		{Type: runtimeapi.NetworkReady, Status: true},
	}}
	return r
}

// Version is what `kubectl get nodes -o wide` shows of the container runtime.
func (r *processRuntime) Version(context.Context, string) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{
		Version: critesting.FakeVersion, RuntimeName: runtimeName,
		RuntimeVersion: runtimeVersion, RuntimeApiVersion: runtimeVersion,
	}, nil
}

// RunPodSandbox makes the pod's network.
func (r *processRuntime) RunPodSandbox(
	ctx context.Context, config *runtimeapi.PodSandboxConfig, handler string,
) (string, error) {
	options := config.GetLinux().GetSecurityContext().GetNamespaceOptions()
	if options.GetNetwork() == runtimeapi.NamespaceMode_NODE {
		return "", errors.New("hostNetwork is not to be had in a local cluster")
	}
	id, err := r.FakeRuntimeService.RunPodSandbox(ctx, config, handler)
	if err != nil {
		return "", err
	}
	box, err := r.newSandbox(id)
	if err != nil {
		return "", err
	}
	if err := network.AddPod(box.netns, box.ip); err != nil {
		r.dropSandbox(id)
		return "", err
	}
	r.Lock()
	r.Sandboxes[id].Network = &runtimeapi.PodSandboxNetworkStatus{Ip: box.ip}
	r.Unlock()
	return id, nil
}

func (r *processRuntime) newSandbox(id string) (*sandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ip, err := r.pool.Take()
	if err != nil {
		return nil, err
	}
	r.serial++
	box := &sandbox{netns: shortName(ip, r.serial), ip: ip}
	r.sandboxes[id] = box
	return box, nil
}

// shortName names a pod's namespace and link: at most 14 characters with the "v" before it.
func shortName(ip string, serial int) string {
	var node, pod int
	_, _ = fmt.Sscanf(ip, "10.244.%d.%d", &node, &pod)
	return fmt.Sprintf("%dp%dx%d", node, pod, serial%100000)
}

func (r *processRuntime) dropSandbox(id string) {
	r.mu.Lock()
	box := r.sandboxes[id]
	delete(r.sandboxes, id)
	r.mu.Unlock()
	if box == nil {
		return
	}
	network.RemovePod(box.netns)
	r.mu.Lock()
	r.pool.Give(box.ip)
	r.mu.Unlock()
}

// StopPodSandbox drops the pod's network.
func (r *processRuntime) StopPodSandbox(ctx context.Context, id string) error {
	r.dropSandbox(id)
	err := r.FakeRuntimeService.StopPodSandbox(ctx, id)
	r.Lock()
	if box := r.Sandboxes[id]; box != nil {
		box.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	}
	r.Unlock()
	return err
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
	r.mu.Unlock()
	if box == nil {
		return "", fmt.Errorf("pod sandbox %s has been stopped", sandboxID)
	}
	root := filepath.Join(r.dir, "containers", id)
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
	p.cmd, p.namespace = cmd, namespace
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
	p := r.process(id)
	if p == nil || p.cmd == nil {
		return nil
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
	delete(r.containers, id)
	r.mu.Unlock()
	_ = os.RemoveAll(filepath.Join(r.dir, "containers", id))
	return r.FakeRuntimeService.RemoveContainer(ctx, id)
}

func (r *processRuntime) process(id string) *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.containers[id]
}

// running returns the process of a container that runs.
func (r *processRuntime) running(id string) (*process, error) {
	p := r.process(id)
	if p == nil || p.cmd == nil {
		return nil, fmt.Errorf("container %s is not running", id)
	}
	select {
	case <-p.done:
		return nil, fmt.Errorf("container %s has ended", id)
	default:
		return p, nil
	}
}
