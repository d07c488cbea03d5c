package container

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOnlyWhatLiesBelowAFolderIsUnderIt(t *testing.T) {
	for _, row := range []struct {
		path, folder string
		want         bool
	}{
		{"/usr", "/usr", true}, {"/usr/bin", "/usr", true}, {"/usr/bin", "/usr/", true},
		{"/usrlocal", "/usr", false}, {"/", "/usr", false}, {"/a", "/", true},
	} {
		if got := Under(row.path, row.folder); got != row.want {
			t.Errorf("%s under %s: %v", row.path, row.folder, got)
		}
	}
}

func TestFoldersOfAnImageAreBoundOnceAndParentsFirst(t *testing.T) {
	got := ImageBinds([]string{"/env/bin", "/data/", "/usr/local/lib", "/env", "/env", "/enve"})
	if want := []string{"/data", "/env", "/enve"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAMountNeverHidesAnotherOne(t *testing.T) {
	given := []Mount{{Target: "/a/b/c"}, {Target: "/z"}, {Target: "/a/b"}, {Target: "/a"}}
	var order []string
	for _, mount := range SortMounts(given) {
		order = append(order, mount.Target)
	}
	if want := []string{"/z", "/a", "/a/b", "/a/b/c"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
	if given[0].Target != "/a/b/c" {
		t.Error("the caller's list was changed")
	}
}

func TestAProgramIsFoundByThePathOfItsContainer(t *testing.T) {
	root := t.TempDir()
	for name, mode := range map[string]os.FileMode{
		"/a/both": 0o755, "/b/both": 0o755, "/a/text": 0o644, "/b/text": 0o755,
	} {
		_ = os.MkdirAll(filepath.Dir(root+name), 0o755)
		if err := os.WriteFile(root+name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Mkdir(root+"/a/folder", 0o755)
	environ := []string{"HOME=/b", "PATH=/missing:/a:/b"}
	for name, want := range map[string]string{
		"both": "/a/both", "text": "/b/text", "./here": "./here", "/x/y": "/x/y",
	} {
		if got, err := LookPath(root, name, environ); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"folder", "nothing"} {
		if got, err := LookPath(root, name, environ); err == nil {
			t.Errorf("%s: found at %s", name, got)
		}
	}
	if _, err := LookPath(root, "both", nil); err == nil {
		t.Error("found without a PATH")
	}
}

func logAt(t *testing.T) (*LogFile, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.log")
	log, err := NewLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) }
	return log, func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(data), "2026-01-02T03:04:05.000000006Z ", "")
	}
}

func TestOutputIsLoggedInTheFormatOfTheKubelet(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, row := range map[string]struct{ output, want string }{
		"nothing":              {"", ""},
		"two lines":            {"a\nb\n", "stdout F a\nstdout F b\n"},
		"an empty line":        {"\n", "stdout F \n"},
		"no newline at end":    {"a\nb", "stdout F a\nstdout F b\n"},
		"as long as may be":    {long + "\n", "stdout F " + long + "\n"},
		"too long, in parts":   {long + "yz\n", "stdout P " + long + "\nstdout F yz\n"},
		"too long, no newline": {long + "y", "stdout P " + long + "\nstdout F y\n"},
	} {
		log, read := logAt(t)
		log.Copy("stdout", strings.NewReader(row.output))
		log.Close()
		if got := read(); got != row.want {
			t.Errorf("%s: %.80q, want %.80q", name, got, row.want)
		}
	}
}

func TestAReopenedLogGoesOnInANewFile(t *testing.T) {
	log, read := logAt(t)
	log.Copy("stdout", strings.NewReader("before\n"))
	if err := os.Rename(log.path, log.path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Copy("stderr", strings.NewReader("after\n"))
	if got := read(); got != "stderr F after\n" {
		t.Errorf("%q", got)
	}
}

func TestMemoryCountsAnonymousPagesOfAllAndSharedPagesOnce(t *testing.T) {
	parse := func(text string) Usage {
		return parseStatus(bufio.NewScanner(strings.NewReader(text)))
	}
	first := parse("Name:\tsh\nVmRSS:\t  999 kB\nRssAnon:\t   10 kB\nRssFile:\t 500 kB\nRssShmem:\t 3 kB\n")
	second := parse("RssAnon:\t5 kB\nRssShmem:\t4 kB\n")
	if kernel := parse("Name:\tkthreadd\n"); kernel != (Usage{}) {
		t.Errorf("a thread of the kernel: %+v", kernel)
	}
	sum := first.add(second)
	if sum != (Usage{Anonymous: 15 << 10, Shared: 4 << 10}) || sum.Total() != 19<<10 {
		t.Errorf("%+v", sum)
	}
}

func TestWhatThisProcessHoldsIsMeasured(t *testing.T) {
	namespace, err := PIDNamespace(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if usage := Measure()[namespace]; usage.Anonymous < 1<<20 {
		t.Errorf("%+v is less than a Go program has", usage)
	}
}

func TestExitCodesAreThoseThatKubernetesShows(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0": 0, "exit 3": 3, "kill -KILL $$": 137, "kill -TERM $$": 143,
	} {
		cmd := exec.Command("sh", "-c", script)
		_ = cmd.Run()
		if got := ExitCode(cmd.ProcessState); got != want {
			t.Errorf("%s: %d, want %d", script, got, want)
		}
	}
	if got := ExitCode(nil); got != 255 {
		t.Errorf("no state: %d", got)
	}
}

func TestAHostNameHasAtMost63Characters(t *testing.T) {
	for pod, want := range map[string]string{
		"web-1":                         "web-1",
		strings.Repeat("a", 70):         strings.Repeat("a", 63),
		strings.Repeat("a", 62) + "-bc": strings.Repeat("a", 62),
	} {
		if got := Hostname(pod); got != want {
			t.Errorf("%s: %s", pod, got)
		}
	}
}

func TestCapabilitiesAreTheDefaultLessWhatIsDroppedAndWhatIsAdded(t *testing.T) {
	for name, row := range map[string]struct {
		privileged bool
		add, drop  []string
		count      int
		has, lacks []int
	}{
		"default": {count: len(defaultCapabilities), has: []int{unix.CAP_CHOWN}, lacks: []int{unix.CAP_SYS_ADMIN}},
		"add":     {add: []string{"sys_admin"}, count: len(defaultCapabilities) + 1, has: []int{unix.CAP_SYS_ADMIN}},
		"drop": {drop: []string{"CAP_CHOWN"}, count: len(defaultCapabilities) - 1,
			lacks: []int{unix.CAP_CHOWN}},
		"drop all":         {drop: []string{"ALL"}},
		"drop all, add":    {drop: []string{"ALL"}, add: []string{"CHOWN"}, count: 1, has: []int{unix.CAP_CHOWN}},
		"privileged":       {privileged: true, count: len(capabilityNumbers)},
		"default and what": {add: []string{"CHOWN"}, count: len(defaultCapabilities)},
	} {
		got, err := Capabilities(row.privileged, row.add, row.drop)
		if err != nil || len(got) != row.count {
			t.Errorf("%s: %d of %d, %v", name, len(got), row.count, err)
		}
		for _, one := range row.has {
			if !slices.Contains(got, one) {
				t.Errorf("%s: %d is missing", name, one)
			}
		}
		for _, one := range row.lacks {
			if slices.Contains(got, one) {
				t.Errorf("%s: has %d", name, one)
			}
		}
	}
	if _, err := Capabilities(false, []string{"FLY"}, nil); err == nil || !strings.Contains(err.Error(), "FLY") {
		t.Errorf("an unknown capability: %v", err)
	}
}

func TestAUserIsMappedIfItsIdLiesInOneOfTheRanges(t *testing.T) {
	for _, row := range []struct {
		table string
		id    int
		want  bool
	}{
		{"         0          0 4294967295\n", 65532, true},
		{"         0       1000          1\n", 0, true},
		{"         0       1000          1\n", 65532, false},
		{"0 1000 1\n1 100000 65536\n", 65532, true},
		{"", 0, false},
	} {
		if got := mapped(row.table, row.id); got != row.want {
			t.Errorf("%d in %q: %v", row.id, row.table, got)
		}
	}
}

func TestAnOriginLiesAsDeepAsItsPath(t *testing.T) {
	for path, want := range map[string]string{"/etc": "/.etc", "/usr/share/doc": "/.usr/share/doc"} {
		if got := origin(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestAFolderOfLinksShowsWhatTheFolderShows(t *testing.T) {
	folder, target := t.TempDir(), t.TempDir()
	for _, name := range []string{"file", "left-out"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../elsewhere", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if err := linkAll(folder, target, "left-out"); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	entries, _ := os.ReadDir(target)
	for _, entry := range entries {
		to, _ := os.Readlink(filepath.Join(target, entry.Name()))
		shown.WriteString(entry.Name() + " " + to + "\n")
	}
	if want := "file " + origin(folder) + "/file\nlink ../elsewhere\n"; shown.String() != want {
		t.Errorf("%q, want %q", shown.String(), want)
	}
}
