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
