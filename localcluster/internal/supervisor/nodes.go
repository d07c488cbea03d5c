package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const stopSeconds = 10

func (s *supervisor) waitForNodes(ctx context.Context) error {
	return s.poll(ctx, NodeName(1), func() (bool, error) {
		nodes, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		ready := 0
		for _, node := range nodes.Items {
			if nodeReady(node) {
				ready++
			}
		}
		if ready < s.Nodes {
			return false, fmt.Errorf("%d of %d nodes are ready", ready, s.Nodes)
		}
		// A pod made before the default service account exists is refused.
		_, err = s.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
}

func nodeReady(node corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// stopNode is the loss of a node: its kubelet and every container on it are gone at once.
func (s *supervisor) stopNode(name string) error {
	if _, err := s.number(name); err != nil {
		return err
	}
	s.mu.Lock()
	cmd := s.processes[name]
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	return s.waitGone(name, cmd)
}

func (s *supervisor) waitGone(name string, cmd *exec.Cmd) error {
	deadline := time.Now().Add(stopSeconds * time.Second)
	for time.Now().Before(deadline) {
		s.mu.Lock()
		gone := s.processes[name] != cmd
		s.mu.Unlock()
		if gone {
			return dropLinks(name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s has not ended after %d s", name, stopSeconds)
}

// dropLinks removes what is left of a node's pods on the bridge; the kernel does it too, later.
func dropLinks(name string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	prefix := "v" + strings.TrimPrefix(name, "node-") + "p"
	for _, link := range links {
		if strings.HasPrefix(link.Attrs().Name, prefix) {
			_ = netlink.LinkDel(link)
		}
	}
	return nil
}

// startNode brings a stopped node back, clean as after a reboot.
func (s *supervisor) startNode(name string) error {
	n, err := s.number(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	runs := s.processes[name] != nil
	s.mu.Unlock()
	if runs {
		return nil
	}
	if err := os.RemoveAll(s.Dir.Path("nodes", name)); err != nil {
		return err
	}
	return s.spawn(node(s.paths, n, s.Options))
}

func (s *supervisor) number(name string) (int, error) {
	for n := 1; n <= s.Nodes; n++ {
		if NodeName(n) == name {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no node %q: this cluster has %s to %s", name, NodeName(1), NodeName(s.Nodes))
}
