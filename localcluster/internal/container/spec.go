// Package container turns one container of a pod into one process of this machine: its own
// mounts, process ids and IPC, the pod's network, the pod's user.
//
// Room: it may not touch Kubernetes types, the image map or anything outside of the container.
package container

// Spec is everything that the set-up process must know. It travels as JSON.
type Spec struct {
	// Root is an empty folder that becomes the mount point of the container's root.
	Root string `json:"root"`
	// Network is the path of the pod's network namespace.
	Network  string   `json:"network"`
	Hostname string   `json:"hostname"`
	Binds    []string `json:"binds"`
	Mounts   []Mount  `json:"mounts"`
	ReadOnly bool     `json:"readOnly"`

	Args []string `json:"args"`
	Env  []string `json:"env"`
	Dir  string   `json:"dir"`

	UID    int   `json:"uid"`
	GID    int   `json:"gid"`
	Groups []int `json:"groups"`
	// NoNewPrivileges and Capabilities (the most that it may hold) come from the pod's security
	// context.
	NoNewPrivileges bool  `json:"noNewPrivileges"`
	Capabilities    []int `json:"capabilities"`
}

// Mount is a volume: a file or folder of this machine at a path of the container.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly"`
}
