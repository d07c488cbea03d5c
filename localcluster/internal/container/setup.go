package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// setUpRoot builds the container's root and moves the process into it.
func setUpRoot(spec Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	root := spec.Root
	if err := unix.Mount("root", root, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	steps := []func(string) error{
		bindSystem, makeScratch, linkEtc, makeDevices, mountKernel,
		func(root string) error { return bindImage(root, spec.Binds) },
		func(root string) error { return bindVolumes(root, spec.Mounts) },
	}
	for _, step := range steps {
		if err := step(root); err != nil {
			return err
		}
	}
	return enter(root, spec.ReadOnly)
}

func bindSystem(root string) error {
	for _, folder := range system {
		info, err := os.Lstat(folder)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(folder)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, root+folder); err != nil {
				return err
			}
			continue
		}
		if err := bind(folder, root+folder, true); err != nil {
			return err
		}
	}
	return nil
}

func makeScratch(root string) error {
	for _, folder := range scratch {
		if err := os.MkdirAll(root+folder, 0o755); err != nil {
			return err
		}
	}
	for _, folder := range []string{"/tmp", "/var/tmp"} {
		if err := os.Chmod(root+folder, 0o1777); err != nil {
			return err
		}
	}
	return os.Symlink("../run", root+"/var/run")
}

// linkEtc binds the machine's /etc aside and fills /etc with links to it.
func linkEtc(root string) error {
	if err := bind("/etc", root+etcOrigin, true); err != nil {
		return err
	}
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir("/etc")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "hosts" || entry.Name() == "mtab" {
			continue
		}
		target := filepath.Join(etcOrigin, entry.Name())
		if err := os.Symlink(target, filepath.Join(root, "etc", entry.Name())); err != nil {
			return err
		}
	}
	hosts := []byte("127.0.0.1 localhost\n")
	return os.WriteFile(root+"/etc/hosts", hosts, 0o644)
}

func makeDevices(root string) error {
	dev := root + "/dev"
	if err := os.MkdirAll(dev+"/shm", 0o755); err != nil {
		return err
	}
	for _, name := range devices {
		if err := bindFile("/dev/"+name, dev+"/"+name, false); err != nil {
			return err
		}
	}
	links := map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	}
	for name, target := range links {
		if err := os.Symlink(target, dev+"/"+name); err != nil {
			return err
		}
	}
	// 64 MiB, as every container runtime gives.
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	return unix.Mount("shm", dev+"/shm", "tmpfs", flags, "mode=1777,size=67108864")
}

func mountKernel(root string) error {
	for _, folder := range []string{"/proc", "/sys"} {
		if err := os.Mkdir(root+folder, 0o555); err != nil {
			return err
		}
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := unix.Mount("proc", root+"/proc", "proc", flags, ""); err != nil {
		return fmt.Errorf("proc: %w", err)
	}
	return bind("/sys", root+"/sys", true)
}

func bindImage(root string, folders []string) error {
	for _, folder := range ImageBinds(folders) {
		if err := bind(folder, root+folder, true); err != nil {
			return err
		}
	}
	return nil
}

func bindVolumes(root string, mounts []Mount) error {
	for _, mount := range SortMounts(mounts) {
		target := root + ResolveTarget(mount.Target)
		info, err := os.Stat(mount.Source)
		if err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
		place := bindFile
		if info.IsDir() {
			place = bind
		}
		if err := place(mount.Source, target, mount.ReadOnly); err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
	}
	return nil
}

// enter makes root the process's root folder and drops the old one.
func enter(root string, readOnly bool) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("drop the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if !readOnly {
		return nil
	}
	attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &attributes); err != nil {
		return fmt.Errorf("read-only root: %w", err)
	}
	return nil
}

// bind binds a folder with everything mounted below it.
func bind(source, target string, readOnly bool) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return place(source, target, readOnly)
}

func bindFile(source, target string, readOnly bool) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(target); err != nil {
		file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		file.Close()
	}
	return place(source, target, readOnly)
}

func place(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", source, err)
	}
	if !readOnly {
		return nil
	}
	attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attributes)
	if err != nil {
		return fmt.Errorf("bind %s read-only: %w", source, err)
	}
	return nil
}
