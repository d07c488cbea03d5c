package node

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"modelservice.dev/localcluster/internal/container"
)

func imageMap(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnImageIsThereIfTheMapHasIt(t *testing.T) {
	ctx := context.Background()
	service := newImageService(imageMap(t, `{"images": {"known:1": {"user": 7}, "bare": {}}}`))
	for name, user := range map[string]int64{"known:1": 7, "bare:latest": 0} {
		spec := &runtimeapi.ImageSpec{Image: name}
		status, err := service.ImageStatus(ctx, spec, false)
		if err != nil || status.GetImage().GetUid().GetValue() != user || status.GetImage() == nil {
			t.Errorf("%s: %+v, %v", name, status, err)
		}
		if ref, err := service.PullImage(ctx, spec, nil, nil); ref != name || err != nil {
			t.Errorf("%s: pulled %q, %v", name, ref, err)
		}
	}
}

func TestAnImageThatIsNotInTheMapCannotBePulled(t *testing.T) {
	ctx := context.Background()
	service := newImageService(imageMap(t, `{"images": {"known:1": {}}}`))
	spec := &runtimeapi.ImageSpec{Image: "known:2"}
	if status, err := service.ImageStatus(ctx, spec, false); err != nil || status.GetImage() != nil {
		t.Errorf("there before it was pulled: %+v, %v", status, err)
	}
	_, err := service.PullImage(ctx, spec, nil, nil)
	if err == nil || !strings.Contains(err.Error(), `"known:2": not found`) {
		t.Errorf("pull: %v", err)
	}
}

func TestTheLastLineOfAContainerIsLogged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	log, err := container.NewLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	output, err := newOutput(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "echo one; echo two >&2; printf three")
	cmd.Stdout, cmd.Stderr = output.stdout, output.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	output.started()
	_ = cmd.Wait()
	output.wait()
	data, _ := os.ReadFile(path)
	for _, want := range []string{" stdout F one\n", " stderr F two\n", " stdout F three\n"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is missing in %q", want, data)
		}
	}
}

func runtimeWith(processes map[string]*process) *processRuntime {
	r := newRuntime(1, "", "")
	r.containers = processes
	return r
}

func TestOnlyContainersThatRunAndHaveALimitAreWatched(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	open := make(chan struct{})
	r := runtimeWith(map[string]*process{
		"limited":     {limit: 1, namespace: "pid:[1]", cmd: &exec.Cmd{}, done: open},
		"unlimited":   {namespace: "pid:[2]", cmd: &exec.Cmd{}, done: open},
		"not started": {limit: 1, done: open},
		"ended":       {limit: 1, namespace: "pid:[3]", cmd: &exec.Cmd{}, done: ended},
	})
	if got := r.limited(); len(got) != 1 || got[0].namespace != "pid:[1]" {
		t.Errorf("%d: %+v", len(got), got)
	}
}

func TestAContainerOverItsLimitIsKilledAndOthersAreNot(t *testing.T) {
	start := func(namespace string) *process {
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return &process{limit: 100, namespace: namespace, cmd: cmd, done: make(chan struct{})}
	}
	over, at := start("over"), start("at")
	r := runtimeWith(map[string]*process{"over": over, "at": at})
	r.killOver(r.limited(), map[string]container.Usage{
		"over": {Anonymous: 60, Shared: 41}, "at": {Anonymous: 60, Shared: 40},
	})
	_ = over.cmd.Wait()
	if code := container.ExitCode(over.cmd.ProcessState); !over.oomKilled || code != 137 {
		t.Errorf("over the limit: OOM-killed %v, code %d", over.oomKilled, code)
	}
	if at.oomKilled {
		t.Error("killed at the limit")
	}
}

func TestHostNetworkIsRefused(t *testing.T) {
	config := &runtimeapi.PodSandboxConfig{Linux: &runtimeapi.LinuxPodSandboxConfig{
		SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
			NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE},
		},
	}}
	_, err := newRuntime(1, "", "").RunPodSandbox(context.Background(), config, "")
	if err == nil || !strings.Contains(err.Error(), "hostNetwork") {
		t.Error(err)
	}
}

func TestAPodsLinkHasANameThatTheKernelTakes(t *testing.T) {
	seen := map[string]bool{}
	for _, serial := range []int{1, 99999} {
		for _, ip := range []string{"10.244.1.2", "10.244.200.254"} {
			name := "v" + shortName(ip, serial)
			if len(name) > 15 || seen[name] {
				t.Errorf("%s of %s: %d characters", name, ip, len(name))
			}
			seen[name] = true
		}
	}
}

func TestWhatDoesNotRunCannotBeUsedAndNeedNotBeStopped(t *testing.T) {
	r := runtimeWith(map[string]*process{"created": {done: make(chan struct{})}})
	ctx := context.Background()
	for _, id := range []string{"created", "unknown"} {
		if _, err := r.running(id); err == nil {
			t.Errorf("%s runs", id)
		}
		if err := r.ReopenContainerLog(ctx, id); err == nil {
			t.Errorf("%s: its log was reopened", id)
		}
		if _, _, err := r.ExecSync(ctx, id, []string{"true"}, 0); err == nil {
			t.Errorf("%s: a command ran in it", id)
		}
		if err := r.StopContainer(ctx, id, 0); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestTheMachineIsReportedAsItIs(t *testing.T) {
	if memory, err := machineMemory(); err != nil || memory < 64<<20 {
		t.Errorf("%d bytes, %v", memory, err)
	}
	for text, want := range map[string]string{
		"NAME=x\nPRETTY_NAME=\"Debian 12\"\n": "Debian 12", "PRETTY_NAME='A'": "A", "NAME=x": "Linux",
	} {
		if got := prettyName(text, "Linux"); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
