package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"modelservice.dev/localcluster/internal/state"
)

const (
	downSeconds   = 20
	sweepTries    = 20
	sweepInterval = 100 * time.Millisecond
)

func down() *cobra.Command {
	var name string
	var all bool
	command := &cobra.Command{
		Use:   "down",
		Short: "End a cluster and remove every trace of it",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if !all {
				return bringDown(name)
			}
			names, err := state.Names()
			for _, name := range names {
				err = errors.Join(err, bringDown(name))
			}
			return err
		},
	}
	nameFlag(command, &name)
	command.Flags().BoolVar(&all, "all", false, "end all clusters")
	return command
}

func bringDown(name string) error {
	dir, err := state.Of(name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(string(dir)); errors.Is(err, os.ErrNotExist) {
		fmt.Printf("cluster %s is not there\n", name)
		return nil
	}
	deadline := time.Now().Add(downSeconds * time.Second)
	for {
		if err := end(dir); err != nil {
			return fmt.Errorf("cluster %s: %w", name, err)
		}
		if gone, err := removeDead(dir, name, deadline); gone || err != nil {
			return err
		}
	}
}

// removeDead removes the folder of a cluster that does not live, or says that it lives again.
func removeDead(dir state.Dir, name string, deadline time.Time) (bool, error) {
	turn, err := waitForTurn(dir, name, deadline)
	if err != nil {
		return false, err
	}
	defer turn.Close()
	if alive, err := dir.Alive(); err != nil || alive {
		return false, err
	}
	if err := sweep(dir); err != nil {
		return false, err
	}
	fmt.Printf("cluster %s is gone\n", name)
	return true, nil
}

// end kills the first process of a living cluster, and everything goes with it. Only the process
// that holds the lock is one: a number in a file alone could belong to anybody by now.
func end(dir state.Dir) error {
	alive, err := dir.Alive()
	if err != nil || !alive {
		return err
	}
	cluster, err := dir.Load()
	if err != nil {
		return fmt.Errorf("it is being started by another process; try again: %w", err)
	}
	process, err := unix.PidfdOpen(cluster.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", cluster.PID, err)
	}
	defer unix.Close(process)
	// The lock is looked at again: now that we hold the process, it cannot become another one.
	if alive, err := dir.Alive(); err != nil || !alive {
		return err
	}
	if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("process %d: %w", cluster.PID, err)
	}
	// It is readable when the process and all others of its process-id namespace are gone.
	poll := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
	for deadline := time.Now().Add(downSeconds * time.Second); time.Now().Before(deadline); {
		if n, err := unix.Poll(poll, 1000*downSeconds); n > 0 || !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if poll[0].Revents == 0 {
		return fmt.Errorf("process %d has not ended after %d s", cluster.PID, downSeconds)
	}
	return nil
}

// sweep removes the folder of a dead cluster, but for the files to keep. The processes of one
// that was killed a moment ago may still be writing: then a second try is needed.
func sweep(dir state.Dir, keep ...string) error {
	var err error
	for range sweepTries {
		if err = sweepOnce(dir, keep); err == nil {
			return nil
		}
		time.Sleep(sweepInterval)
	}
	return err
}

func sweepOnce(dir state.Dir, keep []string) error {
	entries, err := os.ReadDir(string(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failures []error
	for _, entry := range entries {
		if !slices.Contains(keep, entry.Name()) {
			failures = append(failures, remove(dir.Path(entry.Name())))
		}
	}
	if len(keep) == 0 {
		failures = append(failures, os.Remove(string(dir)))
	}
	return errors.Join(failures...)
}

// remove removes a tree, also where a container has left folders without write permission.
func remove(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(path string, entry os.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
