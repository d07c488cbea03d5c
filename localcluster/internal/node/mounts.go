package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OwnMounts is called first in a node's process: its mounts stay its own, volumes that the
// supervisor mounts later still arrive, and /proc shows the node's processes.
func OwnMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := unix.Mount("proc", "/proc", "proc", flags, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	return nil
}

// shortDir is where a node sees its folder: the kubelet makes sockets in it, whose paths may have
// 107 characters, and the cluster's own folder may lie anywhere.
const shortDir = "/run/node"

// shorten binds the node's folder at shortDir.
func shorten(dir string) (string, error) {
	if err := ensure(dir, shortDir); err != nil {
		return "", err
	}
	if err := unix.Mount(dir, shortDir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", fmt.Errorf("%s at %s: %w", dir, shortDir, err)
	}
	return shortDir, nil
}
