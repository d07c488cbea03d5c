package container

import (
	"path/filepath"
	"sort"
	"strings"
)

// system lists the folders of this machine that every container sees, read-only: what a base
// image holds. Homes, the checkout and other data are not among them.
var system = []string{
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/sbin", "/usr",
}

// scratch lists the folders that are empty and the container's own.
var scratch = []string{"/home", "/mnt", "/root", "/run", "/srv", "/tmp", "/var", "/var/tmp"}

// devices lists the device files that a container finds in /dev.
var devices = []string{"full", "null", "random", "tty", "urandom", "zero"}

// Under tells whether path is folder or lies below it.
func Under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// ImageBinds lists the folders of an image to bind: cleaned, without those that lie in another
// one or in a folder that every container sees, parents first.
func ImageBinds(folders []string) []string {
	clean := make([]string, 0, len(folders))
	for _, folder := range folders {
		clean = append(clean, filepath.Clean(folder))
	}
	sort.Strings(clean)
	var kept []string
	for _, folder := range clean {
		if !covered(folder, system) && !covered(folder, kept) {
			kept = append(kept, folder)
		}
	}
	return kept
}

func covered(path string, folders []string) bool {
	for _, folder := range folders {
		if Under(path, folder) {
			return true
		}
	}
	return false
}

// SortMounts orders volumes so that a mount never hides another one.
func SortMounts(mounts []Mount) []Mount {
	sorted := append([]Mount{}, mounts...)
	sort.SliceStable(sorted, func(i, j int) bool {
		return strings.Count(filepath.Clean(sorted[i].Target), "/") <
			strings.Count(filepath.Clean(sorted[j].Target), "/")
	})
	return sorted
}
