package container

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Usage is the memory that a container's processes hold, in bytes, as a memory limit counts
// it: anonymous pages of each, and shared pages once.
type Usage struct {
	Anonymous int64
	Shared    int64
}

// Total is what is compared with the limit.
func (u Usage) Total() int64 { return u.Anonymous + u.Shared }

// Measure reads /proc once and returns the usage by process-id namespace (as in PIDNamespace).
func Measure() map[string]Usage {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	usages := map[string]Usage{}
	for _, folder := range folders {
		namespace, err := os.Readlink(folder + "/ns/pid")
		if err != nil {
			continue // it has ended
		}
		file, err := os.Open(folder + "/status")
		if err != nil {
			continue
		}
		usages[namespace] = usages[namespace].add(parseStatus(bufio.NewScanner(file)))
		file.Close()
	}
	return usages
}

// PIDNamespace names the process-id namespace of pid.
func PIDNamespace(pid int) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
}

func (u Usage) add(other Usage) Usage {
	return Usage{
		Anonymous: u.Anonymous + other.Anonymous,
		Shared:    max(u.Shared, other.Shared),
	}
}

func parseStatus(lines *bufio.Scanner) Usage {
	var usage Usage
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		var kib int64
		if _, err := fmt.Sscanf(strings.TrimSpace(value), "%d kB", &kib); err != nil {
			continue
		}
		switch key {
		case "RssAnon":
			usage.Anonymous = kib << 10
		case "RssShmem":
			usage.Shared = kib << 10
		}
	}
	return usage
}
