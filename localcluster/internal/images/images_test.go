package images

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const good = `{"images": {"registry/triton:1": {
	"path": ["/env/bin"], "env": {"A": "image", "B": "image"}, "binds": ["/env"],
	"entrypoint": ["tritonserver", "--x"], "user": 65532, "workingDir": "/work"}}}`

func TestAnImageIsReadWhole(t *testing.T) {
	all, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	image := all["registry/triton:1"]
	if image.User != 65532 || image.WorkingDir != "/work" || len(image.Entrypoint) != 2 ||
		image.Binds[0] != "/env" || image.Path[0] != "/env/bin" || image.Env["A"] != "image" {
		t.Errorf("%+v", image)
	}
}

func TestBadImageMapsAreRefusedWithTheReason(t *testing.T) {
	for name, row := range map[string]struct{ text, reason string }{
		"not json":      {"{", "image map"},
		"wrong type":    {`{"images": []}`, "image map"},
		"no name":       {`{"images": {" ": {}}}`, "without a name"},
		"relative path": {`{"images": {"a:1": {"path": ["bin"]}}}`, `a:1: "bin" is not an absolute path`},
		"relative bind": {`{"images": {"a:1": {"binds": ["env"]}}}`, `a:1: "env" is not an absolute path`},
		"unknown field": {`{"images": {"a:1": {"paths": ["/bin"]}}}`, "paths"},
	} {
		if _, err := Parse([]byte(row.text)); err == nil || !strings.Contains(err.Error(), row.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnImageIsFoundInTheFileAsItIsNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.json")
	if err := os.WriteFile(path, []byte(`{"images": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(path, "registry/triton:1"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an unknown image: %v", err)
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(path, "registry/triton:1"); err != nil {
		t.Error("added later:", err)
	}
}

func TestWithoutAMapEveryImageIsUnknown(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing.json")} {
		if _, err := Find(path, "a:1"); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestThePodsVariablesWinOverTheImages(t *testing.T) {
	all, _ := Parse([]byte(good))
	environ := all["registry/triton:1"].Environ(map[string]string{"B": "pod"})
	for _, want := range []string{
		"A=image", "B=pod", "HOME=/", "PATH=/env/bin:" + systemPath,
	} {
		if !slices.Contains(environ, want) {
			t.Errorf("%s is missing in %v", want, environ)
		}
	}
}

func TestANameWithoutATagIsTheTagLatest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.json")
	if err := os.WriteFile(path, []byte(`{"images": {"bare": {}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, known := range map[string]bool{"bare:latest": true, "bare": true, "bare:1": false} {
		if _, err := Find(path, name); (err == nil) != known {
			t.Errorf("%s: %v", name, err)
		}
	}
}
