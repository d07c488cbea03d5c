package network

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestAPoolGivesTheLowestFreeAddress(t *testing.T) {
	pool := NewPool(3)
	for _, want := range []string{"10.244.3.2", "10.244.3.3", "10.244.3.4"} {
		if got, err := pool.Take(); got != want || err != nil {
			t.Fatalf("took %s, %v; want %s", got, err, want)
		}
	}
	pool.Give("10.244.3.3")
	if got, _ := pool.Take(); got != "10.244.3.3" {
		t.Errorf("a returned address was not given again: %s", got)
	}
}

func TestAPoolIgnoresWhatIsNotItsOwn(t *testing.T) {
	pool := NewPool(1)
	first, _ := pool.Take()
	pool.Give("10.244.2.2")
	pool.Give("nonsense")
	if second, _ := pool.Take(); second == first {
		t.Errorf("%s was given twice", first)
	}
}

func TestAPoolEnds(t *testing.T) {
	pool := NewPool(1)
	for range lastPod - firstPod + 1 {
		if _, err := pool.Take(); err != nil {
			t.Fatal(err)
		}
	}
	if ip, err := pool.Take(); err == nil {
		t.Errorf("one too many: %s", ip)
	}
}

func TestAllAddressesAreDifferentAndInTheirRanges(t *testing.T) {
	pods, services := netip.MustParsePrefix(PodCIDR), netip.MustParsePrefix(ServiceCIDR)
	if pods.Overlaps(services) {
		t.Error("pods and services overlap")
	}
	if !services.Contains(netip.MustParseAddr(APIServiceIP)) {
		t.Error("the API server's cluster IP is not a cluster IP")
	}
	seen := map[string]bool{Gateway: true}
	for n := 1; n <= 200; n++ {
		first, _ := NewPool(n).Take()
		for _, ip := range []string{NodeIP(n), first} {
			if seen[ip] || !pods.Contains(netip.MustParseAddr(ip)) {
				t.Errorf("node %d: %s is taken or outside of %s", n, ip, PodCIDR)
			}
			seen[ip] = true
		}
	}
	if !seen[fmt.Sprintf("10.244.%d.1", 200)] {
		t.Error("the last node is missing")
	}
}
