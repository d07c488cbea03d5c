package node

import (
	"os"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/images"
)

// specOf is a container as the kubelet asked for it, in the terms of package container. Pure.
func specOf(
	config *runtimeapi.ContainerConfig, pod *runtimeapi.PodSandboxConfig,
	image images.Image, root, netns string,
) (container.Spec, error) {
	security := config.GetLinux().GetSecurityContext()
	spec := container.Spec{
		Root:            root,
		Network:         netns,
		Hostname:        container.Hostname(pod.GetHostname()),
		Binds:           append(append([]string{}, image.Path...), image.Binds...),
		ReadOnly:        security.GetReadonlyRootfs(),
		Args:            arguments(config, image),
		Env:             image.Environ(environment(config)),
		Dir:             workingDir(config, image),
		NoNewPrivileges: security.GetNoNewPrivs(),
	}
	spec.UID, spec.GID, spec.Groups = user(security, image)
	for _, mount := range config.GetMounts() {
		spec.Mounts = append(spec.Mounts, container.Mount{
			Source: mount.HostPath, Target: mount.ContainerPath, ReadOnly: mount.Readonly,
		})
	}
	change := security.GetCapabilities()
	var err error
	spec.Capabilities, err = container.Capabilities(
		security.GetPrivileged(), change.GetAddCapabilities(), change.GetDropCapabilities(),
	)
	return spec, err
}

func arguments(config *runtimeapi.ContainerConfig, image images.Image) []string {
	command := config.GetCommand()
	if len(command) == 0 {
		command = image.Entrypoint
	}
	args := append(append([]string{}, command...), config.GetArgs()...)
	if len(args) == 0 {
		return []string{"no command, and the image has no entrypoint"}
	}
	return args
}

func environment(config *runtimeapi.ContainerConfig) map[string]string {
	values := map[string]string{}
	for _, env := range config.GetEnvs() {
		values[env.GetKey()] = string(env.GetValue())
	}
	return values
}

func workingDir(config *runtimeapi.ContainerConfig, image images.Image) string {
	for _, dir := range []string{config.GetWorkingDir(), image.WorkingDir} {
		if dir != "" {
			return dir
		}
	}
	return "/"
}

func user(security *runtimeapi.LinuxContainerSecurityContext, image images.Image) (int, int, []int) {
	uid := int(image.User)
	if security.GetRunAsUser() != nil {
		uid = int(security.GetRunAsUser().GetValue())
	}
	gid := 0
	if security.GetRunAsGroup() != nil {
		gid = int(security.GetRunAsGroup().GetValue())
	}
	groups := []int{}
	for _, group := range security.GetSupplementalGroups() {
		groups = append(groups, int(group))
	}
	return uid, gid, groups
}

// ensure makes the folders of a node.
func ensure(folders ...string) error {
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	return nil
}
