package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks bounds how many links a path may lead through.
const maxLinks = 40

// places makes the points at which volumes are mounted: an image's file system would simply get
// a new folder there, but most folders of ours are this machine's, read-only.
type places struct {
	root   string
	opened []string
}

// point makes target, a path of the container, a file or folder that can be mounted on, and
// returns its path outside.
func (p *places) point(target string, folder bool) (string, error) {
	rest, done := split(target), ""
	for links := 0; len(rest) > 0; {
		name := rest[0]
		next := done + "/" + name
		info, err := os.Lstat(p.root + next)
		switch {
		case errors.Is(err, os.ErrNotExist):
			if err := p.add(done, name, folder || len(rest) > 1); err != nil {
				return "", err
			}
		case err != nil:
			return "", err
		case info.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(p.root + next)
			if err != nil {
				return "", err
			}
			if to == origin(next) {
				if err := p.replaceLink(next, len(rest) > 1); err != nil {
					return "", err
				}
				continue // look again: now it is no link, or not there
			}
			if links++; links > maxLinks {
				return "", fmt.Errorf("%s: too many links", target)
			}
			if !filepath.IsAbs(to) {
				to = done + "/" + to
			}
			rest, done = append(split(to), rest[1:]...), ""
			continue
		case len(rest) > 1 && !info.IsDir():
			return "", fmt.Errorf("%s is not a folder", next)
		}
		rest, done = rest[1:], next
	}
	return p.root + done, nil
}

func split(path string) []string {
	return strings.FieldsFunc(filepath.Clean("/"+path), func(r rune) bool { return r == '/' })
}

// add makes a file or folder called name in parent.
func (p *places) add(parent, name string, folder bool) error {
	path := p.root + parent + "/" + name
	err := create(path, folder)
	if !errors.Is(err, unix.EROFS) {
		return err
	}
	if err := p.open(parent); err != nil {
		return err
	}
	return create(path, folder)
}

func create(path string, folder bool) error {
	if folder {
		return os.Mkdir(path, 0o755)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// open covers a read-only folder of this machine by one with links to all that is in it.
func (p *places) open(folder string) error {
	if !covered(folder, system) {
		return fmt.Errorf("%s is read-only", folder)
	}
	if err := aside("/"+split(folder)[0], p.root); err != nil {
		return err
	}
	err := unix.Mount("folder", p.root+folder, "tmpfs", unix.MS_NOSUID, "mode=755")
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, err)
	}
	p.opened = append(p.opened, p.root+folder)
	return linkAll(folder, p.root+folder)
}

// replaceLink takes a link of linkAll away. If more is to come below it, a folder of links to
// what it led to comes in its place.
func (p *places) replaceLink(path string, more bool) error {
	if err := os.Remove(p.root + path); err != nil {
		return err
	}
	if !more {
		return nil
	}
	if err := os.Mkdir(p.root+path, 0o755); err != nil {
		return err
	}
	return linkAll(path, p.root+path)
}

// origin is where a file of this machine is seen whose own path shows a link to it. It lies as
// deep, so that relative links lead to the same places from there.
func origin(path string) string { return "/." + strings.TrimPrefix(path, "/") }

// aside binds a top-level folder of this machine at its origin.
func aside(folder, root string) error {
	if _, err := os.Lstat(root + origin(folder)); err == nil {
		return nil
	}
	return bind(folder, root+origin(folder), true)
}

// linkAll fills target with links to the origins of all that is in folder; links are copied.
func linkAll(folder, target string, without ...string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if slices.Contains(without, entry.Name()) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		to := origin(path)
		if entry.Type()&os.ModeSymlink != 0 {
			if to, err = os.Readlink(path); err != nil {
				return err
			}
		}
		if err := os.Symlink(to, filepath.Join(target, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// close makes what was opened read-only, where the container's root is.
func (p *places) close() error {
	for _, folder := range p.opened {
		attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(unix.AT_FDCWD, folder, 0, &attributes); err != nil {
			return fmt.Errorf("%s read-only: %w", folder, err)
		}
	}
	return nil
}
