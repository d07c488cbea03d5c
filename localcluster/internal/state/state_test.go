package state

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestAClusterLivesAsLongAsItsLockIsHeld(t *testing.T) {
	dir := Dir(t.TempDir())
	if alive, err := dir.Alive(); alive || err != nil {
		t.Fatalf("without a lock file: alive %v, %v", alive, err)
	}
	held, err := dir.LockAlive()
	if held == nil || err != nil {
		t.Fatal("the lock of a dead cluster cannot be taken:", err)
	}
	if alive, _ := dir.Alive(); !alive {
		t.Error("the lock is held, but the cluster does not count as alive")
	}
	if again, err := dir.LockAlive(); again != nil || err != nil {
		t.Errorf("a second holder got the lock: %v, %v", again, err)
	}
	held.Close()
	if alive, _ := dir.Alive(); alive {
		t.Error("the lock is gone, but the cluster counts as alive")
	}
}

func TestLookingWhetherAClusterLivesDoesNotTakeItsLock(t *testing.T) {
	dir := Dir(t.TempDir())
	file, err := os.Create(dir.Path(AliveFile))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	for range 100 {
		done := make(chan bool)
		go func() {
			_, _ = dir.Alive()
			close(done)
		}()
		held, err := dir.LockAlive()
		if held == nil || err != nil {
			t.Fatal("a look at the lock got in the way of it:", err)
		}
		<-done
		held.Close()
	}
}

func TestTheUpLockIsAnotherOne(t *testing.T) {
	dir := Dir(t.TempDir())
	alive, _ := dir.LockAlive()
	defer alive.Close()
	up, err := dir.LockUp()
	if up == nil || err != nil {
		t.Fatal("the two locks exclude each other:", err)
	}
	up.Close()
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	dir := Dir(t.TempDir())
	saved := Cluster{
		Name: "x", PID: 7, APIAddress: "127.0.0.1:1",
		Parameters: Parameters{Nodes: 2, GPUsPerNode: 4, CPUsPerNode: 8, Images: "/i.json"},
	}
	if err := dir.Save(saved); err != nil {
		t.Fatal(err)
	}
	if loaded, err := dir.Load(); err != nil || loaded != saved {
		t.Errorf("saved %+v, loaded %+v, %v", saved, loaded, err)
	}
}

func TestLoadTellsAHalfWrittenFileFromAMissingOne(t *testing.T) {
	dir := Dir(t.TempDir())
	if _, err := dir.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(dir.Path("cluster.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Load(); err == nil || !strings.Contains(err.Error(), "cluster.json") {
		t.Errorf("broken file: %v", err)
	}
}

func TestProgressIsReadyOnlyAfterTheLastStep(t *testing.T) {
	dir := Dir(t.TempDir())
	if step, ready := dir.Progress(); step != "" || ready {
		t.Errorf("before the first step: %q, %v", step, ready)
	}
	if err := dir.SaveProgress("etcd"); err != nil {
		t.Fatal(err)
	}
	if step, ready := dir.Progress(); step != "etcd" || ready {
		t.Errorf("at the first step: %q, %v", step, ready)
	}
	if err := dir.SaveReady(); err != nil {
		t.Fatal(err)
	}
	if _, ready := dir.Progress(); !ready {
		t.Error("not ready after the last step")
	}
}

func TestNamesOfClusters(t *testing.T) {
	t.Setenv("LOCALCLUSTER_HOME", "/clusters")
	for name, good := range map[string]bool{
		"default": true, "a": true, "a-1": true, strings.Repeat("a", 40): true,
		"": false, "-a": false, "a-": false, "A": false, "../a": false, "a/b": false,
		strings.Repeat("a", 41): false,
	} {
		dir, err := Of(name)
		if (err == nil) != good {
			t.Errorf("name %q: %v", name, err)
		}
		if good && dir != Dir("/clusters/"+name) {
			t.Errorf("name %q lies in %s", name, dir)
		}
	}
}

func TestOnlyFoldersWithAClusterNameAreListed(t *testing.T) {
	home := t.TempDir()
	t.Setenv("LOCALCLUSTER_HOME", home)
	for _, folder := range []string{"b", "a", "Not-One"} {
		if err := os.Mkdir(home+"/"+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Names(); err != nil || strings.Join(names, " ") != "a b" {
		t.Errorf("%v, %v", names, err)
	}
	t.Setenv("LOCALCLUSTER_HOME", home+"/missing")
	if names, err := Names(); err != nil || names != nil {
		t.Errorf("without a folder: %v, %v", names, err)
	}
}

func TestADifferenceIsNamedByItsFlag(t *testing.T) {
	have := Parameters{Nodes: 1, GPUsPerNode: 2, CPUsPerNode: 3, Images: "i"}
	if difference := Difference(have, have); difference != "" {
		t.Errorf("no difference: %q", difference)
	}
	for flag, change := range map[string]func(*Parameters){
		"--nodes":         func(p *Parameters) { p.Nodes = 9 },
		"--gpus-per-node": func(p *Parameters) { p.GPUsPerNode = 9 },
		"--cpus-per-node": func(p *Parameters) { p.CPUsPerNode = 9 },
		"--images":        func(p *Parameters) { p.Images = "other" },
	} {
		want := have
		change(&want)
		if difference := Difference(have, want); !strings.HasPrefix(difference, flag+" is ") {
			t.Errorf("%s: %q", flag, difference)
		}
	}
}

func TestALockOnAFileThatWasRemovedIsNoLock(t *testing.T) {
	dir := Dir(t.TempDir())
	removed, err := dir.LockUp()
	if err != nil {
		t.Fatal(err)
	}
	defer removed.Close()
	if err := os.Remove(dir.Path(UpLock)); err != nil {
		t.Fatal(err)
	}
	if isAt(removed, dir.Path(UpLock)) {
		t.Error("a removed file is at its old path")
	}
	held, err := dir.LockUp()
	if held == nil || err != nil {
		t.Fatal("a removed file is in the way:", err)
	}
	defer held.Close()
	if !isAt(held, dir.Path(UpLock)) || isAt(removed, dir.Path(UpLock)) {
		t.Error("the new file is not told from the removed one")
	}
}

func TestADeadClustersFileIsForgotten(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := dir.Save(Cluster{Name: "x", PID: 7}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := dir.Forget(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dir.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
