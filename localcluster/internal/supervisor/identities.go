package supervisor

import (
	"net"
	"path/filepath"

	"modelservice.dev/localcluster/internal/network"
	"modelservice.dev/localcluster/internal/pki"
)

// clients are the identities of the components, each with what the API server's own roles give.
func clients(nodes int) map[string]pki.Identity {
	ids := map[string]pki.Identity{
		"admin":                   {User: "admin", Groups: []string{"system:masters"}},
		"kube-controller-manager": {User: "system:kube-controller-manager"},
		"kube-scheduler":          {User: "system:kube-scheduler"},
		"kube-proxy":              {User: "system:kube-proxy"},
		"provisioner":             {User: "provisioner", Groups: []string{"system:masters"}},
		"kubelet-client":          {User: "kube-apiserver", Groups: []string{"system:masters"}},
		frontProxy:                {User: frontProxy},
		"etcd-client":             {User: "kube-apiserver-etcd"},
	}
	for n := 1; n <= nodes; n++ {
		name := NodeName(n)
		ids[name] = pki.Identity{User: "system:node:" + name, Groups: []string{"system:nodes"}}
	}
	return ids
}

// issue writes every key and certificate, and the kubeconfigs for use inside and outside.
func issue(p paths, outside string, nodes int) error {
	authority, err := pki.New(p.dir("pki"))
	if err != nil {
		return err
	}
	if err := authority.ServiceAccountKey("service-account"); err != nil {
		return err
	}
	if err := servers(authority, nodes); err != nil {
		return err
	}
	cluster := filepath.Base(p.dir(""))
	inside := "https://" + net.JoinHostPort(network.Gateway, "6443")
	for name, id := range clients(nodes) {
		if err := authority.Client(name, id); err != nil {
			return err
		}
		if err := authority.Kubeconfig(p.conf(name), inside, cluster, name, false); err != nil {
			return err
		}
	}
	return authority.Kubeconfig(p.dir("kubeconfig"), "https://"+outside, cluster, "admin", true)
}

func servers(authority *pki.Authority, nodes int) error {
	loopback := net.IPv4(127, 0, 0, 1)
	if err := authority.Serving("etcd", []net.IP{loopback}, nil); err != nil {
		return err
	}
	ips := []net.IP{loopback, net.ParseIP(network.Gateway), net.ParseIP(network.APIServiceIP)}
	names := []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
	if err := authority.Serving("kube-apiserver", ips, names); err != nil {
		return err
	}
	for n := 1; n <= nodes; n++ {
		address := []net.IP{net.ParseIP(network.NodeIP(n))}
		if err := authority.Serving(NodeName(n)+"-serving", address, nil); err != nil {
			return err
		}
	}
	return nil
}
