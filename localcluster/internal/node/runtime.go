// Package node is one node of the cluster: the real kubelet over a container runtime that
// starts processes. The kubelet takes its runtime as a Go interface; what it keeps of pods and
// containers lives in the CRI's own fake, and what happens to them happens here.
//
// Room: its own folder, its own mounts and the pods of this node; it may not touch other nodes, the
// control plane's processes or the cluster's folder beyond its own.
package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	critesting "k8s.io/cri-api/pkg/apis/testing"
	"k8s.io/cri-streaming/pkg/streaming"

	"modelservice.dev/localcluster/internal/network"
)

const (
	runtimeName    = "localcluster"
	runtimeVersion = "1.0.0"
)

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
