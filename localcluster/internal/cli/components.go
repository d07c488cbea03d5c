package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	helmcmd "helm.sh/helm/v4/pkg/cmd"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"net/url"

	"modelservice.dev/localcluster/internal/node"
	"modelservice.dev/localcluster/internal/state"
	"modelservice.dev/localcluster/internal/supervisor"
)

// components are the sub-commands that the cluster's processes are. They are no part of the
// help: nobody types them.
func components() map[string]func(args []string) *cobra.Command {
	plain := func(build func() *cobra.Command) func([]string) *cobra.Command {
		return func([]string) *cobra.Command { return build() }
	}
	ours := func(build func() *cobra.Command) func([]string) *cobra.Command {
		return func([]string) *cobra.Command {
			command := build()
			command.SilenceUsage, command.SilenceErrors = true, true
			return command
		}
	}
	return map[string]func(args []string) *cobra.Command{
		supervisor.Command:     ours(supervisorCommand),
		"etcd":                 ours(etcd),
		supervisor.NodeCommand: ours(nodeCommand),
		"kube-apiserver":       plain(func() *cobra.Command { return apiserver.NewAPIServerCommand() }),
		"kube-controller-manager": plain(func() *cobra.Command {
			return controllermanager.NewControllerManagerCommand()
		}),
		"kube-proxy":     plain(func() *cobra.Command { return proxy.NewProxyCommand() }),
		"kube-scheduler": plain(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		embeddedKubectl:  plain(kubectlCommand),
		embeddedHelm:     helmCommand,
	}
}

// Names under which the pass-through commands start this binary again.
const (
	embeddedKubectl = "embedded-kubectl"
	embeddedHelm    = "embedded-helm"
)

func kubectlCommand() *cobra.Command {
	command := kubectl.NewDefaultKubectlCommand()
	command.Use = "kubectl"
	return command
}

func helmCommand(args []string) *cobra.Command {
	command, err := helmcmd.NewRootCmd(os.Stdout, args, helmcmd.SetupLogging)
	if err != nil {
		return &cobra.Command{RunE: func(*cobra.Command, []string) error { return err }}
	}
	return command
}

func supervisorCommand() *cobra.Command {
	var o supervisor.Options
	var dir string
	command := &cobra.Command{
		Use: supervisor.Command,
		RunE: func(command *cobra.Command, _ []string) error {
			o.Dir = state.Dir(dir)
			return supervisor.Run(command.Context(), o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&dir, "dir", "", "folder of the cluster")
	flags.StringVar(&o.Name, "name", "", "name of the cluster")
	flags.IntVar(&o.Nodes, "nodes", 1, "number of nodes")
	flags.IntVar(&o.GPUsPerNode, "gpus-per-node", 0, "GPUs that a node advertises")
	flags.IntVar(&o.CPUsPerNode, "cpus-per-node", 1, "cores that a node advertises")
	flags.StringVar(&o.Images, "images", "", "image map")
	command.SetContext(context.Background())
	return command
}

func nodeCommand() *cobra.Command {
	var o node.Options
	command := &cobra.Command{
		Use: supervisor.NodeCommand,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGTERM)
			defer stop()
			if err := node.OwnMounts(); err != nil {
				return err
			}
			return node.Run(ctx, o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Name, "name", "", "name of the node")
	flags.IntVar(&o.Number, "number", 1, "number of the node")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "the node's identity")
	flags.StringVar(&o.Dir, "dir", "", "folder of the node")
	flags.StringVar(&o.Images, "images", "", "image map")
	flags.IntVar(&o.GPUs, "gpus", 0, "GPUs to advertise")
	flags.IntVar(&o.CPUs, "cpus", 1, "cores to advertise")
	flags.StringVar(&o.CertFile, "cert", "", "serving certificate")
	flags.StringVar(&o.KeyFile, "key", "", "key of the serving certificate")
	command.SetContext(context.Background())
	return command
}

func etcd() *cobra.Command {
	var dir, cert, key, ca string
	command := &cobra.Command{
		Use:  "etcd",
		RunE: func(*cobra.Command, []string) error { return runEtcd(dir, cert, key, ca) },
	}
	command.Flags().StringVar(&dir, "data-dir", "", "folder of the data")
	command.Flags().StringVar(&cert, "cert-file", "", "serving certificate")
	command.Flags().StringVar(&key, "key-file", "", "key of the serving certificate")
	command.Flags().StringVar(&ca, "ca-file", "", "authority of the clients")
	return command
}

func runEtcd(dir, cert, key, ca string) error {
	config := embed.NewConfig()
	config.Dir = dir
	config.ClientTLSInfo = transport.TLSInfo{
		CertFile: cert, KeyFile: key, TrustedCAFile: ca, ClientCertAuth: true,
	}
	client := []url.URL{{Scheme: "https", Host: "127.0.0.1:2379"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = client, client
	// The cluster's data is thrown away with it: a crash of the machine need not be survived.
	config.UnsafeNoFsync = true
	config.LogLevel = "warn"
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	select {
	case <-server.Server.ReadyNotify():
		fmt.Println("etcd is ready")
	case <-time.After(time.Minute):
		return fmt.Errorf("etcd is not ready after a minute")
	}
	return <-server.Err()
}
