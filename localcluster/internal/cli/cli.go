// Package cli is the command line: for people (up, down, status, …), and the sub-commands that
// the cluster's own processes are started with.
//
// Room: the only package that prints for people, reads variables of the environment for the program
// and starts or kills a cluster; it may not touch mounts, networks or the API server.
package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"modelservice.dev/localcluster/internal/container"
)

// Main runs the command line and returns the exit code.
func Main(args []string) int {
	if len(args) > 0 {
		if args[0] == container.InitCommand {
			return container.Init()
		}
		// Only the component that is asked for may be constructed: the API server's
		// constructor installs a signal handler, and a second one panics.
		if build, ok := components()[args[0]]; ok {
			return run(build(args[1:]), args[1:])
		}
	}
	return run(root(), args)
}

func run(command *cobra.Command, args []string) int {
	command.SetArgs(args)
	if err := command.Execute(); err != nil {
		if code, ok := exitCode(err); ok {
			return code
		}
		fmt.Fprintln(os.Stderr, "localcluster:", err)
		return 1
	}
	return 0
}

func root() *cobra.Command {
	command := &cobra.Command{
		Use:   "localcluster",
		Short: "A real Kubernetes in one binary, inside one set of Linux namespaces",
		Long: `A real Kubernetes in one binary: etcd, API server, controllers, scheduler, kubelet,
kube-proxy, kubectl and helm, inside one set of Linux namespaces. Containers are processes of
this machine; images are environments (see --images of "up"). No root is needed where user
namespaces are allowed, and "down" leaves nothing behind.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.SetFlagErrorFunc(usage)
	command.AddCommand(up(), down(), status(), list(), logs(), nodes(), forwards(), enter())
	command.AddCommand(passThrough("kubectl"), passThrough("helm"))
	return command
}

// nameFlag adds --name.
func nameFlag(command *cobra.Command, name *string) {
	command.Flags().StringVar(name, "name", "default", "name of the cluster")
}

// usage says where to read on after a wrong flag or argument.
func usage(command *cobra.Command, err error) error {
	return fmt.Errorf("%w; see `%s --help`", err, command.CommandPath())
}

// arguments checks the number of arguments of a command.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if err := check(command, args); err != nil {
			return usage(command, err)
		}
		return nil
	}
}
