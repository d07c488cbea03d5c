package node

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	cadvisorapi "github.com/google/cadvisor/lib/model"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
	cadvisortest "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
)

// machine reports this machine's memory and the wanted number of cores.
type machine struct {
	*cadvisortest.Fake
	cpus   int
	memory uint64
}

// MachineInfo is what the node's capacity is made of.
func (m machine) MachineInfo(logger klog.Logger) (*cadvisorapi.MachineInfo, error) {
	info, err := m.Fake.MachineInfo(logger)
	if err != nil {
		return nil, err
	}
	copied := *info
	copied.NumCores, copied.MemoryCapacity = m.cpus, m.memory
	return &copied, nil
}

// VersionInfo is what `kubectl get nodes -o wide` shows of the machine.
func (m machine) VersionInfo() (*cadvisorapi.VersionInfo, error) {
	info := &cadvisorapi.VersionInfo{KernelVersion: "unknown", ContainerOsVersion: "Linux"}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err == nil {
		info.KernelVersion = unix.ByteSliceToString(kernel.Release[:])
	}
	if data, err := os.ReadFile("/etc/os-release"); err == nil {
		info.ContainerOsVersion = prettyName(string(data), info.ContainerOsVersion)
	}
	return info, nil
}

// prettyName finds the name of a distribution in the text of /etc/os-release.
func prettyName(release, otherwise string) string {
	for _, line := range strings.Split(release, "\n") {
		if name, found := strings.CutPrefix(line, "PRETTY_NAME="); found {
			return strings.Trim(name, "\"'")
		}
	}
	return otherwise
}

func machineMemory() (uint64, error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kib uint64
		if _, err := fmt.Sscanf(strings.TrimSpace(lines.Text()), "MemTotal: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal")
}
