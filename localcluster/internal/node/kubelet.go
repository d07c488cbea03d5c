package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/cri-streaming/pkg/streaming"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	cadvisortest "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/kubemark"
	"k8s.io/kubernetes/pkg/util/oom"
	"k8s.io/kubernetes/pkg/volume/util/hostutil"
	"k8s.io/kubernetes/pkg/volume/util/subpath"
	"k8s.io/mount-utils"

	"modelservice.dev/localcluster/internal/network"
)

const (
	kubeletPort   = 10250
	streamingPort = 10251
	maxPods       = 110
)

// Options are the parameters of one node.
type Options struct {
	Name       string
	Number     int // from 1; decides the addresses
	Kubeconfig string
	Dir        string
	Images     string
	GPUs       int
	CPUs       int
	CertFile   string
	KeyFile    string
}

// Run runs the node; it returns only on failure.
func Run(ctx context.Context, o Options) error {
	var err error
	if o.Dir, err = shorten(o.Dir); err != nil {
		return err
	}
	if err := ensure(o.path("logs"), o.path("kubelet"), o.path("containers")); err != nil {
		return err
	}
	if err := os.WriteFile(o.path("resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	runtime := newRuntime(o.Number, o.Dir, o.Images)
	if err := serveStreams(o, runtime); err != nil {
		return err
	}
	go runtime.watchMemory(ctx)
	hollow, err := kubeletOver(runtime, o)
	if err != nil {
		return err
	}
	if err := makeReal(ctx, hollow); err != nil {
		return err
	}
	server := &options.KubeletServer{
		KubeletFlags: *hollow.KubeletFlags, KubeletConfiguration: *hollow.KubeletConfiguration,
	}
	if err := kubeletapp.RunKubelet(ctx, server, hollow.KubeletDeps); err != nil {
		return fmt.Errorf("kubelet of %s: %w", o.Name, err)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (o Options) path(name string) string { return filepath.Join(o.Dir, name) }

func serveStreams(o Options, runtime *processRuntime) error {
	config := streaming.DefaultConfig
	config.Addr = net.JoinHostPort(network.NodeIP(o.Number), fmt.Sprint(streamingPort))
	server, err := streaming.NewServer(config, streamRuntime{runtime})
	if err != nil {
		return err
	}
	runtime.streams = server
	go func() { _ = server.Start(true) }()
	return nil
}

func kubeletOver(runtime *processRuntime, o Options) (*kubemark.HollowKubelet, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 50, 100
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	memory, err := machineMemory()
	if err != nil {
		return nil, err
	}
	flags, kubeletConfig := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{
		NodeName: o.Name, KubeletPort: kubeletPort, MaxPods: maxPods,
		NodeLabels: map[string]string{"kubernetes.io/hostname": o.Name},
	})
	// It has made a folder in /tmp that we do not use.
	if err := os.RemoveAll(flags.RootDirectory); err != nil {
		return nil, err
	}
	configure(flags, kubeletConfig, o)
	gpus := corev1.ResourceList{}
	if o.GPUs > 0 {
		gpus["nvidia.com/gpu"] = *resource.NewQuantity(int64(o.GPUs), resource.DecimalSI)
	}
	return kubemark.NewHollowKubelet(
		flags, kubeletConfig, client, client,
		machine{Fake: &cadvisortest.Fake{NodeName: o.Name}, cpus: o.CPUs, memory: memory},
		newImageService(o.Images), runtime,
		cm.NewStubContainerManagerWithDevicePluginResource(gpus),
	), nil
}

func configure(f *options.KubeletFlags, c *kubeletconfig.KubeletConfiguration, o Options) {
	f.RootDirectory = o.path("kubelet")
	f.CertDirectory = o.path("kubelet")
	f.NodeIP = network.NodeIP(o.Number)
	c.PodLogsDir = o.path("logs")
	c.StaticPodPath = ""
	c.Address = network.NodeIP(o.Number)
	c.TLSCertFile, c.TLSPrivateKeyFile = o.CertFile, o.KeyFile
	c.NodeStatusUpdateFrequency.Duration = time.Second
	c.NodeStatusReportFrequency.Duration = 10 * time.Second
	c.NodeLeaseDurationSeconds = 8
	c.SyncFrequency.Duration = 2 * time.Second
	c.EvictionHard = map[string]string{}
	// There is no DNS in this cluster. The machine's own file may lead to /run, which is ours; and
	// with no address given the kubelet warns of it at every pod.
	c.ResolverConfig = o.path("resolv.conf")
	c.ClusterDNS = []string{"127.0.0.1"}
}

// makeReal replaces what the hollow kubelet fakes and we have for real.
func makeReal(ctx context.Context, hollow *kubemark.HollowKubelet) error {
	d := hollow.KubeletDeps
	tls, err := kubeletapp.InitializeTLS(ctx, hollow.KubeletFlags, hollow.KubeletConfiguration)
	if err != nil {
		return err
	}
	d.TLSOptions = tls
	d.ProbeManager = nil
	d.Recorder, d.EventClient = nil, d.KubeClient.CoreV1()
	d.OSInterface = kubecontainer.RealOS{}
	d.HostUtil = hostutil.NewHostUtil()
	// Secrets, config maps and emptyDirs are plain folders: nothing is mounted for them.
	d.Mounter = mount.NewFakeMounter(nil)
	d.Subpather = subpath.New(d.Mounter)
	d.OOMAdjuster = oom.NewFakeOOMAdjuster()
	d.VolumePlugins = volumePlugins(d)
	return nil
}
