package node

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/images"
)

var image = images.Image{
	Path: []string{"/env/bin"}, Env: map[string]string{"A": "image", "B": "image"},
	Binds: []string{"/env", "/model"}, Entrypoint: []string{"serve", "--fast"},
	User: 65532, WorkingDir: "/work",
}

func specOrFail(t *testing.T, config *runtimeapi.ContainerConfig, image images.Image) container.Spec {
	t.Helper()
	pod := &runtimeapi.PodSandboxConfig{Hostname: "pod-1"}
	spec, err := specOf(config, pod, image, "/root-of-it", "/run/netns/x")
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func id(value int64) *runtimeapi.Int64Value { return &runtimeapi.Int64Value{Value: value} }

func security(context *runtimeapi.LinuxContainerSecurityContext) *runtimeapi.ContainerConfig {
	return &runtimeapi.ContainerConfig{
		Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: context},
	}
}

func TestAContainerThatAsksForNothingIsAsItsImageSays(t *testing.T) {
	spec := specOrFail(t, &runtimeapi.ContainerConfig{}, image)
	if spec.Root != "/root-of-it" || spec.Network != "/run/netns/x" || spec.Hostname != "pod-1" ||
		!slices.Equal(spec.Args, image.Entrypoint) || spec.Dir != "/work" || spec.UID != 65532 ||
		spec.GID != 0 || len(spec.Groups) != 0 || spec.ReadOnly || spec.NoNewPrivileges {
		t.Errorf("%+v", spec)
	}
	if want := []string{"/env/bin", "/env", "/model"}; !slices.Equal(spec.Binds, want) {
		t.Errorf("binds: %v", spec.Binds)
	}
	if !slices.Contains(spec.Env, "A=image") {
		t.Errorf("environment: %v", spec.Env)
	}
}

func TestCommandAndArgumentsCombineWithTheEntrypointAsInKubernetes(t *testing.T) {
	for name, row := range map[string]struct{ command, args, want []string }{
		"neither":   {nil, nil, []string{"serve", "--fast"}},
		"arguments": {nil, []string{"-x"}, []string{"serve", "--fast", "-x"}},
		"command":   {[]string{"sh"}, nil, []string{"sh"}},
		"both":      {[]string{"sh"}, []string{"-c", "true"}, []string{"sh", "-c", "true"}},
	} {
		config := &runtimeapi.ContainerConfig{Command: row.command, Args: row.args}
		if got := specOrFail(t, config, image).Args; !slices.Equal(got, row.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if len(image.Entrypoint) != 2 {
		t.Error("the image was changed")
	}
	empty := specOrFail(t, &runtimeapi.ContainerConfig{}, images.Image{})
	if len(empty.Args) != 1 || !strings.Contains(empty.Args[0], "no entrypoint") {
		t.Errorf("nothing to run: %v", empty.Args)
	}
}

func TestWhatThePodSaysWinsOverTheImage(t *testing.T) {
	config := security(&runtimeapi.LinuxContainerSecurityContext{
		RunAsUser: id(0), RunAsGroup: id(7), SupplementalGroups: []int64{8, 9},
		ReadonlyRootfs: true, NoNewPrivs: true,
		Capabilities: &runtimeapi.Capability{
			DropCapabilities: []string{"ALL"}, AddCapabilities: []string{"NET_BIND_SERVICE"},
		},
	})
	config.WorkingDir = "/elsewhere"
	config.Envs = []*runtimeapi.KeyValue{{Key: "B", Value: []byte("pod")}}
	spec := specOrFail(t, config, image)
	if spec.UID != 0 || spec.GID != 7 || !slices.Equal(spec.Groups, []int{8, 9}) || !spec.ReadOnly ||
		!spec.NoNewPrivileges || spec.Dir != "/elsewhere" || !slices.Contains(spec.Env, "B=pod") {
		t.Errorf("%+v", spec)
	}
	if want := []int{unix.CAP_NET_BIND_SERVICE}; !slices.Equal(spec.Capabilities, want) {
		t.Errorf("capabilities: %v", spec.Capabilities)
	}
}

func TestVolumesAreMountedAsAskedFor(t *testing.T) {
	spec := specOrFail(t, &runtimeapi.ContainerConfig{Mounts: []*runtimeapi.Mount{
		{HostPath: "/h/a", ContainerPath: "/c/a", Readonly: true}, {HostPath: "/h/b", ContainerPath: "/c/b"},
	}}, image)
	want := []container.Mount{
		{Source: "/h/a", Target: "/c/a", ReadOnly: true}, {Source: "/h/b", Target: "/c/b"},
	}
	if !slices.Equal(spec.Mounts, want) {
		t.Errorf("%+v", spec.Mounts)
	}
}

func TestAnUnknownCapabilityIsRefused(t *testing.T) {
	config := security(&runtimeapi.LinuxContainerSecurityContext{
		Capabilities: &runtimeapi.Capability{AddCapabilities: []string{"FLY"}},
	})
	_, err := specOf(config, &runtimeapi.PodSandboxConfig{}, image, "", "")
	if err == nil || !strings.Contains(err.Error(), "FLY") {
		t.Error(err)
	}
}
