package node

import (
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/hostpath"

	corev1 "k8s.io/api/core/v1"

	"modelservice.dev/localcluster/internal/container"
)

// volumePlugins takes the real host path instead of the fake one, and leaves CSI out: it asks
// for its CSINode before the Node exists, and the node then stays NotReady for minutes.
func volumePlugins(d *kubelet.Dependencies) []volume.VolumePlugin {
	plugins := hostpath.ProbeVolumePlugins(volume.VolumeConfig{})
	for _, plugin := range d.VolumePlugins {
		switch plugin.GetPluginName() {
		case "kubernetes.io/host-path", "kubernetes.io/csi":
		case "kubernetes.io/projected":
			plugins = append(plugins, projected{plugin})
		default:
			plugins = append(plugins, plugin)
		}
	}
	return plugins
}

// projected gives a pod's token to the pod's user only where that user exists. In an ordinary
// user's namespace it does not, all containers run as that one, and the pod would never start.
type projected struct{ volume.VolumePlugin }

// NewMounter makes the mounter of one volume.
func (p projected) NewMounter(spec *volume.Spec, pod *corev1.Pod) (volume.Mounter, error) {
	mounter, err := p.VolumePlugin.NewMounter(spec, pod)
	if err != nil {
		return nil, err
	}
	return projectedMounter{mounter, container.Mapped}, nil
}

type projectedMounter struct {
	volume.Mounter
	exists func(uid int) bool
}

// SetUp writes the files.
func (m projectedMounter) SetUp(args volume.MounterArgs) error { return m.Mounter.SetUp(m.owned(args)) }

// SetUpAt writes the files into dir.
func (m projectedMounter) SetUpAt(dir string, args volume.MounterArgs) error {
	return m.Mounter.SetUpAt(dir, m.owned(args))
}

func (m projectedMounter) owned(args volume.MounterArgs) volume.MounterArgs {
	if args.FsUser != nil && !m.exists(int(*args.FsUser)) {
		args.FsUser = nil
	}
	return args
}
