// Localcluster is a real Kubernetes in one binary: etcd, API server, controllers, scheduler,
// kubelet, kube-proxy, kubectl and helm, running inside one set of Linux namespaces.
package main

import (
	"os"

	"modelservice.dev/localcluster/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
