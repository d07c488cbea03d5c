package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// File descriptors of the set-up process.
const (
	specFD  = 3
	errorFD = 4
)

// Init is the first process of a container: it reads its Spec, sets everything up and becomes
// the container's own program. It returns only on failure, having written why to errorFD.
func Init() int {
	runtime.LockOSThread()
	failures := os.NewFile(errorFD, "errors")
	unix.CloseOnExec(errorFD)
	err := become(os.NewFile(specFD, "spec"))
	fmt.Fprint(failures, err)
	return 128
}

func become(file *os.File) error {
	var spec Spec
	if err := json.NewDecoder(file).Decode(&spec); err != nil {
		return fmt.Errorf("container spec: %w", err)
	}
	file.Close()
	if err := joinNetwork(spec.Network); err != nil {
		return err
	}
	if spec.Hostname != "" {
		if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
	}
	if err := setUpRoot(spec); err != nil {
		return err
	}
	path, err := LookPath("", spec.Args[0], spec.Env)
	if err != nil {
		return err
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if err := drop(spec); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, spec.Args, spec.Env))
}

func joinNetwork(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("pod network: %w", err)
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

// drop gives up what the pod's security context does not grant. In a user namespace with one
// mapped id the other ids do not exist; the process then keeps that one.
func drop(spec Spec) error {
	if err := restrict(spec); err != nil {
		return err
	}
	if !Mapped(spec.UID) || !Mapped(spec.GID) || !groupsAllowed() {
		return nil
	}
	if err := syscall.Setgroups(spec.Groups); err != nil {
		return fmt.Errorf("supplemental groups: %w", err)
	}
	if err := syscall.Setgid(spec.GID); err != nil {
		return fmt.Errorf("runAsGroup %d: %w", spec.GID, err)
	}
	if err := syscall.Setuid(spec.UID); err != nil {
		return fmt.Errorf("runAsUser %d: %w", spec.UID, err)
	}
	return nil
}

// LookPath finds a program below root by the PATH in environ, as a container runtime does.
func LookPath(root, name string, environ []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, entry := range environ {
		folders, found := strings.CutPrefix(entry, "PATH=")
		if !found {
			continue
		}
		for _, folder := range filepath.SplitList(folders) {
			candidate := filepath.Join(folder, name)
			info, err := os.Stat(root + candidate)
			if err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return candidate, nil
			}
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}
