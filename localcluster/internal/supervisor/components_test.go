package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"modelservice.dev/localcluster/internal/network"
	"modelservice.dev/localcluster/internal/state"
)

var (
	testPaths   = paths{dir: state.Dir("/c").Path}
	testOptions = Options{Dir: "/c", Name: "x", Parameters: state.Parameters{
		Nodes: 2, GPUsPerNode: 4, CPUsPerNode: 8, Images: "/i.json",
	}}
)

func all() []component {
	return []component{
		etcd(testPaths), apiServer(testPaths), controllerManager(testPaths), scheduler(testPaths),
		proxy(testPaths), node(testPaths, 1, testOptions), node(testPaths, 2, testOptions),
	}
}

// flag is the value of a flag of c; the test fails if there is none.
func flag(t *testing.T, c component, name string) string {
	t.Helper()
	for _, arg := range c.args {
		if value, found := strings.CutPrefix(arg, name+"="); found {
			return value
		}
	}
	t.Errorf("%s has no %s", c.name, name)
	return ""
}

func TestEveryFileThatAComponentIsToldOfIsOneThatIsMade(t *testing.T) {
	dir := t.TempDir()
	here := paths{dir: state.Dir(dir).Path}
	if err := issue(here, "127.0.0.1:1", 2); err != nil {
		t.Fatal(err)
	}
	for _, c := range []component{
		etcd(here), apiServer(here), controllerManager(here), scheduler(here), proxy(here),
		node(here, 1, testOptions), node(here, 2, testOptions),
	} {
		for _, arg := range c.args {
			_, value, _ := strings.Cut(arg, "=")
			if !strings.HasPrefix(value, here.dir("pki")) {
				continue
			}
			if _, err := os.Stat(value); err != nil {
				t.Errorf("%s: %s: %v", c.name, arg, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "kubeconfig")); err != nil {
		t.Error("the kubeconfig for outside:", err)
	}
}

func TestEveryComponentHasANameAndAnIdentityOfItsOwn(t *testing.T) {
	names, identities := map[string]bool{}, map[string]bool{}
	for _, c := range all() {
		if names[c.name] {
			t.Errorf("two components are called %s", c.name)
		}
		names[c.name] = true
		if c.name == "etcd" || c.name == "kube-apiserver" {
			continue
		}
		conf := flag(t, c, "--kubeconfig")
		if identities[conf] {
			t.Errorf("%s shares %s", c.name, conf)
		}
		identities[conf] = true
	}
}

func TestOnlyTheAPIServerItsAdminAndTheProvisionerAreMasters(t *testing.T) {
	var masters []string
	for name, id := range clients(2) {
		if slices.Contains(id.Groups, "system:masters") {
			masters = append(masters, name)
		}
	}
	slices.Sort(masters)
	if want := []string{"admin", "kubelet-client", "provisioner"}; !slices.Equal(masters, want) {
		t.Errorf("%v, want %v", masters, want)
	}
}

func TestANodeIsTheUserThatTheNodeAuthorizerKnows(t *testing.T) {
	ids := clients(2)
	for _, name := range []string{"node-1", "node-2"} {
		if id := ids[name]; id.User != "system:node:"+name || !slices.Equal(id.Groups, []string{"system:nodes"}) {
			t.Errorf("%s: %+v", name, id)
		}
	}
	if _, more := ids["node-3"]; more {
		t.Error("a node too many")
	}
}

func TestRequestsAreAuthorizedByRoles(t *testing.T) {
	server := apiServer(testPaths)
	if got := flag(t, server, "--authorization-mode"); got != "Node,RBAC" {
		t.Error(got)
	}
	if got := flag(t, server, "--enable-admission-plugins"); !strings.Contains(got, "NodeRestriction") {
		t.Error(got)
	}
	if !slices.Contains(controllerManager(testPaths).args, "--use-service-account-credentials") {
		t.Error("controllers share one identity")
	}
}

func TestNothingListensBeyondTheClustersOwnAddresses(t *testing.T) {
	for _, c := range all() {
		for _, arg := range c.args {
			if strings.Contains(arg, "0.0.0.0") {
				t.Errorf("%s: %s", c.name, arg)
			}
		}
	}
	if got := flag(t, apiServer(testPaths), "--bind-address"); got != network.Gateway {
		t.Error(got)
	}
	for _, c := range []component{controllerManager(testPaths), scheduler(testPaths)} {
		if got := flag(t, c, "--bind-address"); got != "127.0.0.1" {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestTheLossOfANodeIsSeenWithinSeconds(t *testing.T) {
	for name, c := range map[string]component{
		"--node-monitor-grace-period":              controllerManager(testPaths),
		"--default-not-ready-toleration-seconds":   apiServer(testPaths),
		"--default-unreachable-toleration-seconds": apiServer(testPaths),
	} {
		if got := strings.TrimSuffix(flag(t, c, name), "s"); len(got) != 1 {
			t.Errorf("%s=%s", name, got)
		}
	}
}

func TestKubeProxyNeedNotWriteSettingsOfTheKernel(t *testing.T) {
	for _, name := range []string{
		"--conntrack-max-per-core", "--conntrack-min", "--conntrack-tcp-timeout-established",
		"--conntrack-tcp-timeout-close-wait",
	} {
		if got := flag(t, proxy(testPaths), name); got != "0" {
			t.Errorf("%s=%s", name, got)
		}
	}
}

func TestANodeIsToldItsNumberAndResources(t *testing.T) {
	second := node(testPaths, 2, testOptions)
	for name, want := range map[string]string{
		"--name": "node-2", "--number": "2", "--gpus": "4", "--cpus": "8", "--images": "/i.json",
		"--dir": "/c/nodes/node-2",
	} {
		if got := flag(t, second, name); got != want {
			t.Errorf("%s=%s", name, got)
		}
	}
}

func TestOnlyNodesHaveNamespacesOfTheirOwn(t *testing.T) {
	for _, c := range all() {
		own := attributes(c).Cloneflags == unix.CLONE_NEWPID|unix.CLONE_NEWNS
		if isNode := strings.HasPrefix(c.name, "node-"); own != isNode {
			t.Errorf("%s: %v", c.name, own)
		}
	}
}
