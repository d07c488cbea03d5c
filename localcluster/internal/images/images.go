// Package images maps image names to environments of this machine: what a registry and a
// container image are elsewhere, a folder with a PATH is here.
//
// Room: it reads the map and nothing else; it may not touch Kubernetes types, processes or mounts.
package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// systemPath comes after an image's own folders, as in most base images.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Image is one environment.
type Image struct {
	// Path lists folders that come first on the PATH.
	Path []string `json:"path"`
	// Env holds variables, as an image's ENV does.
	Env map[string]string `json:"env"`
	// Binds lists folders that containers see read-only at the same place.
	Binds []string `json:"binds"`
	// Entrypoint runs when the container names no command.
	Entrypoint []string `json:"entrypoint"`
	// User is the uid to run as when the pod names none.
	User int64 `json:"user"`
	// WorkingDir is where the process starts when the container names no folder.
	WorkingDir string `json:"workingDir"`
}

// Parse reads an image map.
func Parse(data []byte) (map[string]Image, error) {
	var file struct {
		Images map[string]Image `json:"images"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("image map: %w", err)
	}
	for name, image := range file.Images {
		if strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("image map: an image without a name")
		}
		for _, folder := range append(append([]string{}, image.Path...), image.Binds...) {
			if !filepath.IsAbs(folder) {
				return nil, fmt.Errorf("image map: %s: %q is not an absolute path", name, folder)
			}
		}
	}
	return file.Images, nil
}

// Find reads the image map at path and returns the image called name. The file is read every
// time, so that new names appear without a restart.
func Find(path, name string) (Image, error) {
	if path == "" {
		return Image{}, notFound(name, "the cluster was started without --images")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Image{}, notFound(name, err.Error())
	}
	all, err := Parse(data)
	if err != nil {
		return Image{}, err
	}
	// The kubelet adds the tag "latest" to a name that has none.
	for _, known := range []string{name, strings.TrimSuffix(name, ":latest")} {
		if image, ok := all[known]; ok {
			return image, nil
		}
	}
	return Image{}, notFound(name, path+" does not map it")
}

func notFound(name, why string) error {
	return fmt.Errorf("failed to pull and unpack image %q: not found (%s)", name, why)
}

// Environ is the environment of a container: PATH and the image's variables, then the pod's.
func (i Image) Environ(pod map[string]string) []string {
	values := map[string]string{
		"PATH": strings.Join(append(append([]string{}, i.Path...), systemPath), ":"),
		"HOME": "/",
	}
	for _, layer := range []map[string]string{i.Env, pod} {
		for key, value := range layer {
			values[key] = value
		}
	}
	environ := make([]string, 0, len(values))
	for key, value := range values {
		environ = append(environ, key+"="+value)
	}
	return environ
}
