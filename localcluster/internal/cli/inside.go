package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"modelservice.dev/localcluster/internal/supervisor"
)

// exitError carries the exit code of a program that has already said what is wrong.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func exitCode(err error) (int, bool) {
	var code exitError
	if errors.As(err, &code) {
		return int(code), true
	}
	return 0, false
}

// passThrough is `localcluster kubectl …` and `localcluster helm …`: our --name, then theirs.
func passThrough(tool string) *cobra.Command {
	return &cobra.Command{
		Use:                tool + " [--name NAME] [--] ARGS…",
		Short:              "Run the embedded " + tool + " against a cluster",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			name, rest := splitName(args)
			environ := os.Environ()
			if dir, err := running(name); err == nil {
				environ = append(environ, "KUBECONFIG="+dir.Kubeconfig())
			} else if needsCluster(tool, rest) {
				return err
			} else {
				environ = append(environ, "KUBECONFIG="+os.DevNull) // never the user's own cluster
			}
			cmd := exec.Command("/proc/self/exe", append([]string{"embedded-" + tool}, rest...)...)
			cmd.Env = environ
			return interactive(cmd)
		},
	}
}

// splitName takes our --name off the front; what follows belongs to the tool.
func splitName(args []string) (string, []string) {
	name := "default"
	if len(args) >= 2 && args[0] == "--name" {
		name, args = args[1], args[2:]
	} else if len(args) >= 1 && strings.HasPrefix(args[0], "--name=") {
		name, args = strings.TrimPrefix(args[0], "--name="), args[1:]
	}
	if len(args) >= 1 && args[0] == "--" {
		args = args[1:]
	}
	return name, args
}

// needsCluster tells whether the tool is of any use without one.
func needsCluster(tool string, args []string) bool {
	alone := map[string]bool{"version": true, "--help": true, "-h": true, "help": true}
	if tool == "helm" {
		for _, word := range []string{"lint", "template", "package", "show", "create"} {
			alone[word] = true
		}
	}
	return len(args) > 0 && !alone[args[0]]
}

func interactive(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitError(exit.ExitCode())
	}
	return err
}

func nodes() *cobra.Command {
	command := &cobra.Command{
		Use: "node", Short: "Stop a node (as if it were lost) or start it again",
	}
	for word, short := range map[string]string{
		"stop":  "Lose a node: its kubelet and its containers are gone at once",
		"start": "Bring a lost node back, clean",
	} {
		var name string
		sub := &cobra.Command{
			Use: word + " NODE", Short: short, Args: arguments(cobra.ExactArgs(1)),
			RunE: func(_ *cobra.Command, args []string) error {
				dir, err := running(name)
				if err != nil {
					return err
				}
				request := supervisor.Request{Action: word + "-node", Target: args[0]}
				_, err = supervisor.Ask(dir, request, nil)
				return err
			},
		}
		nameFlag(sub, &name)
		command.AddCommand(sub)
	}
	return command
}

func forwards() *cobra.Command {
	var name string
	command := &cobra.Command{
		Use:   "forward IP:PORT",
		Short: "Forward a port of 127.0.0.1 to an address inside; prints it, stays until `down`",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := netip.ParseAddrPort(args[0]); err != nil {
				return fmt.Errorf("%q is not IP:PORT (there is no DNS inside): %w", args[0], err)
			}
			address, err := forwardTo(name, args[0])
			if err != nil {
				return err
			}
			fmt.Println(address)
			return nil
		},
	}
	nameFlag(command, &name)
	return command
}

func forwardTo(name, target string) (string, error) {
	dir, err := running(name)
	if err != nil {
		return "", err
	}
	known, err := supervisor.Ask(dir, supervisor.Request{Action: "forwarded", Target: target}, nil)
	if err != nil || known != "" {
		return known, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return "", err
	}
	defer socket.Close()
	return supervisor.Ask(dir, supervisor.Request{Action: "forward", Target: target}, socket)
}

func enter() *cobra.Command {
	var name string
	command := &cobra.Command{
		Use:   "nsenter -- COMMAND…",
		Short: "Run a command inside the cluster's network and mounts, for diagnosis",
		Args:  arguments(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := read(name)
			if err != nil {
				return err
			}
			if !report.Running {
				return fmt.Errorf("cluster %s does not run", name)
			}
			options := []string{"--target", strconv.Itoa(report.PID), "--net", "--mount", "--pid"}
			if os.Getuid() != 0 {
				options = append(options, "--user", "--preserve-credentials")
			}
			options = append(append(options, "--"), args...)
			return interactive(exec.Command("nsenter", options...))
		},
	}
	nameFlag(command, &name)
	return command
}
