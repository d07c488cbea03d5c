package container

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilityNumbers are the kernel's numbers of the capabilities that a pod can name.
var capabilityNumbers = map[string]int{
	"AUDIT_CONTROL": unix.CAP_AUDIT_CONTROL, "AUDIT_READ": unix.CAP_AUDIT_READ,
	"AUDIT_WRITE": unix.CAP_AUDIT_WRITE, "BLOCK_SUSPEND": unix.CAP_BLOCK_SUSPEND,
	"BPF": unix.CAP_BPF, "CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
	"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE,
	"DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH, "FOWNER": unix.CAP_FOWNER,
	"FSETID": unix.CAP_FSETID, "IPC_LOCK": unix.CAP_IPC_LOCK, "IPC_OWNER": unix.CAP_IPC_OWNER,
	"KILL": unix.CAP_KILL, "LEASE": unix.CAP_LEASE, "LINUX_IMMUTABLE": unix.CAP_LINUX_IMMUTABLE,
	"MAC_ADMIN": unix.CAP_MAC_ADMIN, "MAC_OVERRIDE": unix.CAP_MAC_OVERRIDE,
	"MKNOD": unix.CAP_MKNOD, "NET_ADMIN": unix.CAP_NET_ADMIN,
	"NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE, "NET_BROADCAST": unix.CAP_NET_BROADCAST,
	"NET_RAW": unix.CAP_NET_RAW, "PERFMON": unix.CAP_PERFMON, "SETFCAP": unix.CAP_SETFCAP,
	"SETGID": unix.CAP_SETGID, "SETPCAP": unix.CAP_SETPCAP, "SETUID": unix.CAP_SETUID,
	"SYSLOG": unix.CAP_SYSLOG, "SYS_ADMIN": unix.CAP_SYS_ADMIN, "SYS_BOOT": unix.CAP_SYS_BOOT,
	"SYS_CHROOT": unix.CAP_SYS_CHROOT, "SYS_MODULE": unix.CAP_SYS_MODULE,
	"SYS_NICE": unix.CAP_SYS_NICE, "SYS_PACCT": unix.CAP_SYS_PACCT,
	"SYS_PTRACE": unix.CAP_SYS_PTRACE, "SYS_RAWIO": unix.CAP_SYS_RAWIO,
	"SYS_RESOURCE": unix.CAP_SYS_RESOURCE, "SYS_TIME": unix.CAP_SYS_TIME,
	"SYS_TTY_CONFIG": unix.CAP_SYS_TTY_CONFIG, "WAKE_ALARM": unix.CAP_WAKE_ALARM,
}

// defaultCapabilities is what a container has that asks for nothing, as with containerd.
var defaultCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// Capabilities is what a container may hold at most, for what its pod adds and drops: the
// default, less what is dropped, and what is added. A privileged one may hold all.
func Capabilities(privileged bool, add, drop []string) ([]int, error) {
	held := map[string]bool{}
	if privileged {
		add = append([]string{"ALL"}, add...)
	}
	for _, name := range defaultCapabilities {
		held[name] = true
	}
	for _, change := range []struct {
		names []string
		to    bool
	}{{drop, false}, {add, true}} {
		for _, name := range change.names {
			if err := set(held, name, change.to); err != nil {
				return nil, err
			}
		}
	}
	numbers := []int{}
	for name, holds := range held {
		if holds {
			numbers = append(numbers, capabilityNumbers[name])
		}
	}
	return numbers, nil
}

func set(held map[string]bool, name string, to bool) error {
	name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	if name == "ALL" {
		for each := range capabilityNumbers {
			held[each] = to
		}
		return nil
	}
	if _, known := capabilityNumbers[name]; !known {
		return fmt.Errorf("unknown capability %q", name)
	}
	held[name] = to
	return nil
}

// restrict takes from the calling thread, and from what it starts, what the pod's security
// context does not grant.
func restrict(spec Spec) error {
	if spec.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
	}
	keep := map[int]bool{}
	for _, capability := range spec.Capabilities {
		keep[capability] = true
	}
	for capability := 0; capability <= unix.CAP_LAST_CAP; capability++ {
		if keep[capability] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0); err != nil {
			break // the kernel knows fewer
		}
	}
	return nil
}

// Mapped tells whether a user id exists in this user namespace. In that of an ordinary user only
// one does; a container that asks for another one then runs as that one.
func Mapped(id int) bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || mapped(string(data), id)
}

func mapped(table string, id int) bool {
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		var inside, outside, count int64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil {
			continue
		}
		if int64(id) >= inside && int64(id) < inside+count {
			return true
		}
	}
	return false
}

// groupsAllowed tells whether groups may be set; not where an ordinary user made the namespace.
func groupsAllowed() bool {
	data, err := os.ReadFile("/proc/self/setgroups")
	return err != nil || strings.TrimSpace(string(data)) != "deny"
}
