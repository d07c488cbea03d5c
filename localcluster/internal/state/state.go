// Package state knows the folder of a cluster: what lies in it, whether the cluster lives.
//
// A cluster lives as long as its first process holds the lock on the file "alive", which it
// inherits from `up`. A lock cannot go stale: the kernel drops it with the process, whatever
// ended it, and a process id that was given out again is never mistaken for ours.
//
// Room: files of that folder; it may not touch processes, mounts or the API server.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"

	"golang.org/x/sys/unix"
)

// Parameters are what `up` was asked for.
type Parameters struct {
	Nodes       int    `json:"nodes"`
	GPUsPerNode int    `json:"gpusPerNode"`
	CPUsPerNode int    `json:"cpusPerNode"`
	Images      string `json:"images"`
}

// Cluster is what cluster.json holds.
type Cluster struct {
	Name       string     `json:"name"`
	PID        int        `json:"pid"`
	APIAddress string     `json:"apiAddress"`
	Parameters Parameters `json:"parameters"`
}

const (
	// UpLock is the file whose lock an `up` holds while it works, and a `down` while it sweeps.
	UpLock = "up.lock"
	// AliveFile is the file whose lock the cluster's first process holds.
	AliveFile = "alive"
)

// Dir is the folder of one cluster.
type Dir string

var namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

// Root is where the folders of all clusters lie.
func Root() (string, error) {
	if home := os.Getenv("LOCALCLUSTER_HOME"); home != "" {
		return filepath.Abs(home)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: set LOCALCLUSTER_HOME: %w", err)
	}
	return filepath.Join(cache, "modelservice-operator", "clusters"), nil
}

// Of returns the folder of the cluster called name.
func Of(name string) (Dir, error) {
	if !namePattern.MatchString(name) {
		return "", fmt.Errorf("--name %q: lower-case letters, digits and dashes, at most 40", name)
	}
	root, err := Root()
	return Dir(filepath.Join(root, name)), err
}

// Names lists the clusters that have a folder.
func Names() ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && namePattern.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	sort.Strings(names)
	return names, err
}

// Path joins parts to the folder.
func (d Dir) Path(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

// Kubeconfig is the admin's kubeconfig for use outside of the cluster's namespaces.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// Control is the socket on which the first process takes requests.
func (d Dir) Control() string { return d.Path("control.sock") }

// WithControl calls use with a short path of that socket: its own may be longer than the 107
// characters that an address of a socket can have.
func (d Dir) WithControl(use func(path string) error) error {
	folder, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer folder.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(d.Control())))
}

// Log is the log file of a component.
func (d Dir) Log(component string) string { return d.Path("logs", component+".log") }

// progressReady is the last step that a supervisor notes.
const progressReady = "ready"

// SaveProgress notes what is being started; Progress reads it.
func (d Dir) SaveProgress(step string) error { return replace(d.Path("progress"), []byte(step)) }

// SaveReady notes that the cluster is ready.
func (d Dir) SaveReady() error { return d.SaveProgress(progressReady) }

// Progress is the step that is being started, and whether the last one is done.
func (d Dir) Progress() (string, bool) {
	step, err := os.ReadFile(d.Path("progress"))
	return string(step), err == nil && string(step) == progressReady
}

// replace writes a file whole or not at all.
func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".next", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".next", path)
}

// Save writes cluster.json, whole or not at all.
func (d Dir) Save(c Cluster) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replace(d.Path("cluster.json"), data)
}

// Forget removes cluster.json: what it says of a dead cluster may by now be true of anybody.
func (d Dir) Forget() error {
	err := os.Remove(d.Path("cluster.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Load reads cluster.json.
func (d Dir) Load() (Cluster, error) {
	var c Cluster
	data, err := os.ReadFile(d.Path("cluster.json"))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s: %w", d.Path("cluster.json"), err)
	}
	return c, nil
}

// LockAlive takes the lock by which a cluster lives. Whoever inherits the file keeps the lock
// too; nil without an error means that another process holds it.
func (d Dir) LockAlive() (*os.File, error) { return lock(d.Path(AliveFile)) }

// LockUp takes the lock that lets one `up` or `down` work on the cluster's files at a time.
func (d Dir) LockUp() (*os.File, error) { return lock(d.Path(UpLock)) }

// lock locks an open file, not a process: the lock goes along with an inherited descriptor and
// ends with the last one. A file that was removed in the meantime is nobody's lock any more: then
// it tries again.
func lock(path string) (*os.File, error) {
	for {
		f, err := lockOpened(path)
		if f == nil || err != nil || isAt(f, path) {
			return f, err
		}
		f.Close()
	}
}

func isAt(f *os.File, path string) bool {
	locked, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(locked, there)
}

func lockOpened(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, f.Close()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Alive tells whether the cluster's first process lives. It only looks: taking the lock, be it
// for a moment, could make an `up` fail that wants it in that moment.
func (d Dir) Alive() (bool, error) {
	f, err := os.OpenFile(d.Path(AliveFile), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	probe := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &probe)
	return probe.Type != unix.F_UNLCK, err
}

// Difference names the first parameter in which two requests differ, or is empty.
// The image map may change: it is read again at every pull.
func Difference(have, want Parameters) string {
	switch {
	case have.Nodes != want.Nodes:
		return fmt.Sprintf("--nodes is %d, asked for %d", have.Nodes, want.Nodes)
	case have.GPUsPerNode != want.GPUsPerNode:
		return fmt.Sprintf("--gpus-per-node is %d, asked for %d", have.GPUsPerNode, want.GPUsPerNode)
	case have.CPUsPerNode != want.CPUsPerNode:
		return fmt.Sprintf("--cpus-per-node is %d, asked for %d", have.CPUsPerNode, want.CPUsPerNode)
	case have.Images != want.Images:
		return fmt.Sprintf("--images is %q, asked for %q", have.Images, want.Images)
	}
	return ""
}
