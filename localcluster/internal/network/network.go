// Package network makes the pod network: one bridge, one network namespace per pod, and a
// routed /32 address in each, so that every packet passes the cluster's own namespace and
// kube-proxy's rules (on a shared segment the answers of a Service's pod would go past them).
//
// Room: links, addresses, routes and their settings inside the cluster's own network namespace; it
// may not touch the machine's network, Kubernetes types or processes.
package network

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// Bridge is the name of the bridge that all pods hang on.
	Bridge = "ms0"
	// PodCIDR holds every address of the cluster; each node has a /24 of it.
	PodCIDR = "10.244.0.0/16"
	// ServiceCIDR holds the cluster IPs.
	ServiceCIDR = "10.96.0.0/16"
	// Gateway is the cluster's own address: API server, default route of every pod.
	Gateway = "10.244.0.1"
	// APIServiceIP is the cluster IP of the service "kubernetes".
	APIServiceIP = "10.96.0.1"

	firstPod, lastPod = 2, 254
	namespaceFolder   = "/run/netns"
)

// NodeIP is the address of node number n (from 1).
func NodeIP(n int) string { return fmt.Sprintf("10.244.%d.1", n) }

// Pool hands out a node's pod addresses, always the lowest that is free.
type Pool struct {
	node int
	used map[int]bool
}

// NewPool is the pool of node number n.
func NewPool(n int) *Pool { return &Pool{node: n, used: map[int]bool{}} }

// Take returns a free address, or an error when none is left.
func (p *Pool) Take() (string, error) {
	for i := firstPod; i <= lastPod; i++ {
		if !p.used[i] {
			p.used[i] = true
			return fmt.Sprintf("10.244.%d.%d", p.node, i), nil
		}
	}
	return "", fmt.Errorf("node %d has no free pod address left", p.node)
}

// Give takes an address back.
func (p *Pool) Give(ip string) {
	var node, i int
	if _, err := fmt.Sscanf(ip, "10.244.%d.%d", &node, &i); err == nil && node == p.node {
		delete(p.used, i)
	}
}

// SetUp makes loopback, bridge, addresses and routes in the cluster's own network namespace.
func SetUp(nodes int) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo up: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	addresses := []string{Gateway + "/16"}
	for n := 1; n <= nodes; n++ {
		addresses = append(addresses, NodeIP(n)+"/32")
	}
	for _, text := range addresses {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(bridge, address); err != nil {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bridge up: %w", err)
	}
	if err := defaultRoute(bridge); err != nil {
		return err
	}
	return forwarding()
}

// defaultRoute leads nowhere; without one the kubelet finds no address for its node.
func defaultRoute(bridge netlink.Link) error {
	route := &netlink.Route{LinkIndex: bridge.Attrs().Index, Gw: net.ParseIP("10.244.255.254")}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	return nil
}

func forwarding() error {
	settings := map[string]string{
		"net/ipv4/ip_forward": "1",
		// Pods have /32 addresses on purpose; a redirect would tell them of each other's link.
		"net/ipv4/conf/all/send_redirects":            "0",
		"net/ipv4/conf/" + Bridge + "/send_redirects": "0",
	}
	for key, value := range settings {
		if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0o644); err != nil {
			return fmt.Errorf("sysctl %s: %w", key, err)
		}
	}
	return nil
}

// Namespace is the path of a pod's network namespace.
func Namespace(id string) string { return filepath.Join(namespaceFolder, id) }

// AddPod makes a network namespace called id with the address ip.
func AddPod(id, ip string) error {
	handle, err := newNamespace(id)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := addLink(handle, "v"+id, ip); err != nil {
		return err
	}
	return inside(handle, ip)
}

// RemovePod drops the namespace; the kernel takes its links along.
func RemovePod(id string) {
	_ = unix.Unmount(Namespace(id), unix.MNT_DETACH)
	_ = os.Remove(Namespace(id))
	if link, err := netlink.LinkByName("v" + id); err == nil {
		_ = netlink.LinkDel(link)
	}
}

func newNamespace(id string) (netns.NsHandle, error) {
	if err := os.MkdirAll(namespaceFolder, 0o755); err != nil {
		return -1, err
	}
	path := Namespace(id)
	file, err := os.Create(path)
	if err != nil {
		return -1, err
	}
	file.Close()
	made := make(chan error)
	go func() {
		// The thread stays in the new namespace and is thrown away with this goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- fmt.Errorf("unshare: %w", err)
			return
		}
		made <- unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	}()
	if err := <-made; err != nil {
		return -1, fmt.Errorf("network namespace %s: %w", id, err)
	}
	return netns.GetFromPath(path)
}

func addLink(pod netns.NsHandle, name, ip string) error {
	bridge, err := netlink.LinkByName(Bridge)
	if err != nil {
		return err
	}
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name, MasterIndex: bridge.Attrs().Index},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsFd(int(pod)),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth of %s: %w", ip, err)
	}
	// Where the kernel hands bridged packets to the packet filter (br_netfilter), a Service's
	// packet to its own sender stays on the bridge, which drops what would leave by the port
	// that it came in by.
	if err := netlink.LinkSetHairpin(veth, true); err != nil {
		return fmt.Errorf("hairpin of %s: %w", ip, err)
	}
	return netlink.LinkSetUp(veth)
}

func inside(pod netns.NsHandle, ip string) error {
	handle, err := netlink.NewHandleAt(pod)
	if err != nil {
		return err
	}
	defer handle.Close()
	for _, name := range []string{"lo", "eth0"} {
		link, err := handle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", name, ip, err)
		}
		if err := handle.LinkSetUp(link); err != nil {
			return fmt.Errorf("%s of %s up: %w", name, ip, err)
		}
	}
	eth0, err := handle.LinkByName("eth0")
	if err != nil {
		return err
	}
	return address(handle, eth0, ip)
}

func address(handle *netlink.Handle, eth0 netlink.Link, ip string) error {
	addr, err := netlink.ParseAddr(ip + "/32")
	if err != nil {
		return err
	}
	if err := handle.AddrAdd(eth0, addr); err != nil {
		return fmt.Errorf("address %s: %w", ip, err)
	}
	gateway := net.ParseIP(Gateway)
	index := eth0.Attrs().Index
	routes := []*netlink.Route{
		{LinkIndex: index, Scope: netlink.SCOPE_LINK, Dst: netlink.NewIPNet(gateway)},
		{LinkIndex: index, Gw: gateway},
	}
	for _, route := range routes {
		if err := handle.RouteAdd(route); err != nil {
			return fmt.Errorf("route of %s: %w", ip, err)
		}
	}
	return nil
}
