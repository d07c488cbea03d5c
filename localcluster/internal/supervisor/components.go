// Package supervisor is the first process of a cluster's namespaces: it makes network and
// certificates, starts the components, provisions volumes and takes requests on a socket. When
// it ends, by whatever signal, the kernel takes everything else with it.
//
// Room: everything inside of the cluster's namespaces; it may not touch the machine outside of them
// but for the cluster's own folder.
package supervisor

import (
	"fmt"
	"strconv"

	"modelservice.dev/localcluster/internal/network"
)

// component is one process of the control plane: a sub-command of this binary.
type component struct {
	name string
	args []string
}

// paths are the files that components are told of.
type paths struct {
	dir func(parts ...string) string
}

func (p paths) pki(name string) string  { return p.dir("pki", name) }
func (p paths) conf(name string) string { return p.dir("pki", name+".kubeconfig") }

const etcdAddress = "127.0.0.1:2379"

// frontProxy is the identity by which the API server vouches for users to aggregated servers.
const frontProxy = "front-proxy-client"

func etcd(p paths) component {
	return component{"etcd", []string{
		"etcd", "--data-dir=" + p.dir("etcd"), "--cert-file=" + p.pki("etcd.crt"),
		"--key-file=" + p.pki("etcd.key"), "--ca-file=" + p.pki("ca.crt"),
	}}
}

func apiServer(p paths) component {
	return component{"kube-apiserver", []string{
		"kube-apiserver",
		"--etcd-servers=https://" + etcdAddress,
		"--etcd-cafile=" + p.pki("ca.crt"),
		"--etcd-certfile=" + p.pki("etcd-client.crt"),
		"--etcd-keyfile=" + p.pki("etcd-client.key"),
		"--client-ca-file=" + p.pki("ca.crt"),
		"--tls-cert-file=" + p.pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + p.pki("kube-apiserver.key"),
		"--kubelet-certificate-authority=" + p.pki("ca.crt"),
		// There is no DNS here: nodes are reached by address, not by name.
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + p.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + p.pki("kubelet-client.key"),
		"--service-account-key-file=" + p.pki("service-account.pub"),
		"--service-account-signing-key-file=" + p.pki("service-account.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--requestheader-client-ca-file=" + p.pki("ca.crt"),
		"--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.pki(frontProxy+".crt"),
		"--proxy-client-key-file=" + p.pki(frontProxy+".key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--bind-address=" + network.Gateway,
		"--advertise-address=" + network.Gateway,
		"--secure-port=6443",
		"--service-cluster-ip-range=" + network.ServiceCIDR,
		"--audit-policy-file=" + p.dir("audit-policy.yaml"),
		"--audit-log-path=" + p.dir("audit.log"),
		"--audit-log-mode=blocking",
		// A lost node's pods go within seconds: tests wait for that.
		"--default-not-ready-toleration-seconds=5",
		"--default-unreachable-toleration-seconds=5",
		"--allow-privileged",
	}}
}

func controllerManager(p paths) component {
	return component{"kube-controller-manager", []string{
		"kube-controller-manager",
		"--kubeconfig=" + p.conf("kube-controller-manager"),
		"--authentication-kubeconfig=" + p.conf("kube-controller-manager"),
		"--authorization-kubeconfig=" + p.conf("kube-controller-manager"),
		"--service-account-private-key-file=" + p.pki("service-account.key"),
		"--root-ca-file=" + p.pki("ca.crt"),
		"--use-service-account-credentials",
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		// With the default of 20 requests a second the start alone takes five seconds.
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--node-monitor-period=1s",
		"--node-monitor-grace-period=8s",
		"--controllers=*,-ttl,-bootstrapsigner,-tokencleaner,-nodeipam",
	}}
}

func scheduler(p paths) component {
	return component{"kube-scheduler", []string{
		"kube-scheduler",
		"--kubeconfig=" + p.conf("kube-scheduler"),
		"--authentication-kubeconfig=" + p.conf("kube-scheduler"),
		"--authorization-kubeconfig=" + p.conf("kube-scheduler"),
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
	}}
}

func proxy(p paths) component {
	return component{"kube-proxy", []string{
		"kube-proxy",
		"--kubeconfig=" + p.conf("kube-proxy"),
		"--proxy-mode=nftables",
		"--hostname-override=" + NodeName(1),
		"--cluster-cidr=" + network.PodCIDR,
		// One proxy serves all nodes, and takes only the pods of "its own" to be able to reach
		// themselves: the others would get no answer without this.
		"--masquerade-all",
		// It may not write the kernel's settings.
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
		"--metrics-bind-address=127.0.0.1:10249",
		"--healthz-bind-address=127.0.0.1:10256",
	}}
}

// NodeCommand is the sub-command that is a node.
const NodeCommand = "run-node"

// NodeName is the name of node number n (from 1).
func NodeName(n int) string { return fmt.Sprintf("node-%d", n) }

func node(p paths, n int, o Options) component {
	name := NodeName(n)
	return component{name, []string{
		NodeCommand, "--name=" + name, "--number=" + strconv.Itoa(n),
		"--kubeconfig=" + p.conf(name), "--dir=" + p.dir("nodes", name),
		"--images=" + o.Images,
		"--gpus=" + strconv.Itoa(o.GPUsPerNode), "--cpus=" + strconv.Itoa(o.CPUsPerNode),
		"--cert=" + p.pki(name+"-serving.crt"), "--key=" + p.pki(name+"-serving.key"),
	}}
}

// auditPolicy records what service accounts outside of kube-system ask for: the tests of the
// chart's roles read it.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    userGroups: ["system:serviceaccounts:kube-system", "system:nodes", "system:masters"]
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: None
`
