package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"modelservice.dev/localcluster/internal/state"
)

// statusReport is the JSON of `status -o json`.
type statusReport struct {
	state.Cluster
	Running    bool   `json:"running"`
	Kubeconfig string `json:"kubeconfig"`
	Folder     string `json:"folder"`
}

func status() *cobra.Command {
	var name, format string
	command := &cobra.Command{
		Use:   "status",
		Short: "Say whether a cluster runs, and how to reach it; exit code 1 if it does not",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if format != "" && format != "json" {
				return fmt.Errorf("--output %q: json is the only format", format)
			}
			report, err := read(name)
			if err != nil {
				return err
			}
			if format == "json" {
				data, err := json.MarshalIndent(report, "", "  ")
				fmt.Println(string(data))
				return errors.Join(err, exitUnless(report.Running))
			}
			if !report.Running {
				return fmt.Errorf("cluster %s does not run", name)
			}
			fmt.Printf("cluster %s runs\n  nodes       %d (%d GPUs each)\n  API server  https://%s\n"+
				"  KUBECONFIG  %s\n  process     %d\n", name, report.Parameters.Nodes,
				report.Parameters.GPUsPerNode, report.APIAddress, report.Kubeconfig, report.PID)
			return nil
		},
	}
	nameFlag(command, &name)
	command.Flags().StringVarP(&format, "output", "o", "", "json")
	return command
}

func exitUnless(ok bool) error {
	if ok {
		return nil
	}
	return exitError(1)
}

func read(name string) (statusReport, error) {
	dir, err := state.Of(name)
	if err != nil {
		return statusReport{}, err
	}
	report := statusReport{Kubeconfig: dir.Kubeconfig(), Folder: string(dir)}
	report.Name = name
	if report.Running, err = dir.Alive(); err != nil || !report.Running {
		return report, err
	}
	report.Cluster, err = dir.Load()
	return report, err
}

// running returns the folder of a cluster that runs.
func running(name string) (state.Dir, error) {
	report, err := read(name)
	if err != nil {
		return "", err
	}
	if !report.Running {
		return "", fmt.Errorf("cluster %s does not run; start it with `localcluster up --name %s`", name, name)
	}
	return state.Dir(report.Folder), nil
}

func list() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the clusters and whether they run",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			names, err := state.Names()
			for _, name := range names {
				report, readErr := read(name)
				err = errors.Join(err, readErr)
				word := "dead"
				if report.Running {
					word = "running"
				}
				fmt.Printf("%-24s %s\n", name, word)
			}
			return err
		},
	}
}

func logs() *cobra.Command {
	var name string
	command := &cobra.Command{
		Use:   "logs [COMPONENT]",
		Short: "Print the log of a component; without one, list the components",
		Args:  arguments(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := state.Of(name)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return listComponents(dir)
			}
			data, err := os.ReadFile(dir.Log(filepath.Base(args[0])))
			if errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("no component %q; `localcluster logs` lists them", args[0])
			}
			_, _ = os.Stdout.Write(data)
			return err
		},
	}
	nameFlag(command, &name)
	return command
}

func listComponents(dir state.Dir) error {
	files, err := filepath.Glob(dir.Path("logs", "*.log"))
	sort.Strings(files)
	for _, file := range files {
		fmt.Println(strings.TrimSuffix(filepath.Base(file), ".log"))
	}
	return err
}
