package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"modelservice.dev/localcluster/internal/container"
	"modelservice.dev/localcluster/internal/images"
	"modelservice.dev/localcluster/internal/state"
)

// oversubscription is how many cores a node advertises for each core of the machine: pods of
// tests ask for more than they use, and CPU limits are not enforced.
const oversubscription = 4

func up() *cobra.Command {
	var name string
	var want state.Parameters
	var limit time.Duration
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster, or say that it runs",
		Long: `Start a cluster, or say that it runs. A second "up" with the same parameters changes nothing;
parameters that are left out are those of the running cluster.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			return bringUp(name, asked{want, command.Flags().Changed}, limit)
		},
	}
	nameFlag(command, &name)
	flags := command.Flags()
	flags.IntVar(&want.Nodes, "nodes", 1, "number of nodes, 1 to 200")
	flags.IntVar(&want.GPUsPerNode, "gpus-per-node", 0, "nvidia.com/gpu that each node advertises")
	flags.IntVar(&want.CPUsPerNode, "cpus-per-node", oversubscription*runtime.NumCPU(),
		"cores that each node advertises (limits are not enforced)")
	flags.StringVar(&want.Images, "images", "", "image map, a JSON file; read again at every pull")
	flags.DurationVar(&limit, "timeout", 2*time.Minute, "how long to wait for all nodes to be ready")
	return command
}

// asked are the parameters with the knowledge which of them were really given.
type asked struct {
	state.Parameters
	given func(flag string) bool
}

// over fills in what was not asked for from the running cluster.
func (a asked) over(running state.Parameters) state.Parameters {
	wanted := running
	for flag, set := range map[string]func(){
		"nodes":         func() { wanted.Nodes = a.Nodes },
		"gpus-per-node": func() { wanted.GPUsPerNode = a.GPUsPerNode },
		"cpus-per-node": func() { wanted.CPUsPerNode = a.CPUsPerNode },
		"images":        func() { wanted.Images = a.Images },
	} {
		if a.given(flag) {
			set()
		}
	}
	return wanted
}

func bringUp(name string, want asked, limit time.Duration) error {
	dir, err := state.Of(name)
	if err != nil {
		return err
	}
	if err := check(&want.Parameters); err != nil {
		return err
	}
	if err := visible(string(dir), "LOCALCLUSTER_HOME"); err != nil {
		return err
	}
	deadline := time.Now().Add(limit)
	turn, err := waitForTurn(dir, name, deadline)
	if err != nil {
		return err
	}
	defer turn.Close()
	if runs, err := dir.Alive(); err != nil {
		return err
	} else if runs {
		return already(dir, name, want, deadline)
	}
	// Before anybody can see that a cluster lives here again.
	if err := dir.Forget(); err != nil {
		return err
	}
	alive, err := dir.LockAlive()
	if err != nil {
		return err
	}
	if alive == nil {
		return fmt.Errorf("%s is held by a process that is not a cluster", dir.Path(state.AliveFile))
	}
	defer alive.Close()
	return start(dir, name, want.Parameters, alive, deadline)
}

// waitForTurn waits while another `up` or `down` works on the same cluster, and makes its folder.
func waitForTurn(dir state.Dir, name string, deadline time.Time) (*os.File, error) {
	for {
		if err := os.MkdirAll(string(dir), 0o755); err != nil {
			return nil, err
		}
		turn, err := dir.LockUp()
		if errors.Is(err, os.ErrNotExist) {
			continue // a `down` has just removed the folder
		}
		if err != nil || turn != nil {
			return turn, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another `up` or `down` of cluster %s is still at work", name)
		}
		time.Sleep(pollInterval)
	}
}

// hidden lists the folders of this machine of which a cluster has its own.
var hidden = []string{"/proc", "/run"}

// visible refuses a path that could not be seen from inside; what says where it comes from.
func visible(path, what string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path // not there yet
	}
	for _, folder := range hidden {
		if container.Under(real, folder) {
			return fmt.Errorf("%s: %s cannot be seen from inside of a cluster, which has its own %s",
				what, path, folder)
		}
	}
	return nil
}

func check(p *state.Parameters) error {
	if p.Nodes < 1 || p.Nodes > 200 {
		return fmt.Errorf("--nodes %d: 1 to 200", p.Nodes)
	}
	if p.GPUsPerNode < 0 || p.CPUsPerNode < 1 {
		return errors.New("--gpus-per-node must not be negative, --cpus-per-node must be at least 1")
	}
	if p.Images != "" {
		data, err := os.ReadFile(p.Images)
		if err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		if _, err := images.Parse(data); err != nil {
			return fmt.Errorf("--images %s: %w", p.Images, err)
		}
		if p.Images, err = filepath.Abs(p.Images); err != nil {
			return err
		}
		if err := visible(p.Images, "--images"); err != nil {
			return err
		}
	}
	return programs()
}

// programs names what is missing on the machine, and the package that has it.
func programs() error {
	if extra := os.Getenv("LOCALCLUSTER_PATH"); extra != "" {
		os.Setenv("PATH", extra+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	} else {
		os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("the program nft is missing: install the package nftables, or name " +
			"its folder in LOCALCLUSTER_PATH")
	}
	return nil
}
