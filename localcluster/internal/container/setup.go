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
		func(root string) error { return bindVolumes(root, spec) },
	}
	for _, step := range steps {
		if err := step(root); err != nil {
			return err
		}
	}
	return enter(root, spec)
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

// noDNS is every container's /etc/resolv.conf. There is no DNS in this cluster, and the machine's
// own cannot be reached from inside: asked there, a look-up would wait for seconds.
const noDNS = "# No DNS in this cluster; every query is refused at once.\nnameserver 127.0.0.1\n"

// linkEtc fills /etc with links to the machine's, but for what is a container's own.
func linkEtc(root string) error {
	if err := aside("/etc", root); err != nil {
		return err
	}
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		return err
	}
	if err := linkAll("/etc", root+"/etc", "hosts", "mtab", "resolv.conf"); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"hosts": "127.0.0.1 localhost\n", "resolv.conf": noDNS,
	} {
		if err := os.WriteFile(root+"/etc/"+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.Symlink("/proc/self/mounts", root+"/etc/mtab")
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

func bindVolumes(root string, spec Spec) error {
	points := places{root: root}
	for _, mount := range SortMounts(spec.Mounts) {
		info, err := os.Stat(mount.Source)
		if err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
		point, err := points.point(mount.Target, info.IsDir())
		if err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
		if err := place(mount.Source, point, mount.ReadOnly); err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
		if err := uncover(root, mount.Target, spec.Binds); err != nil {
			return fmt.Errorf("volume at %s: %w", mount.Target, err)
		}
	}
	if spec.ReadOnly {
		return points.close()
	}
	return nil
}

// uncover binds those folders of the image again that a volume hides. In a real image they would
// lie elsewhere: that a cache of this machine is in /tmp, say, is not the pod's doing.
func uncover(root, volume string, folders []string) error {
	for _, folder := range ImageBinds(folders) {
		if !Under(folder, filepath.Clean(volume)) {
			continue
		}
		if err := bind(folder, root+folder, true); err != nil {
			return fmt.Errorf("it hides %s of the image: %w", folder, err)
		}
	}
	return nil
}

// enter makes root the process's root folder and drops the old one.
func enter(root string, spec Spec) error {
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
	// As container runtimes do: the working directory need not exist. Where it cannot be made,
	// going there says why.
	_ = os.MkdirAll(spec.Dir, 0o755)
	if !spec.ReadOnly {
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
