package supervisor

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"modelservice.dev/localcluster/internal/state"
)

func claim(name, class string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "uid-1"},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteMany"},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{"storage": resource.MustParse("1Mi")},
			},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}

// with is a supervisor that knows these claims and volumes.
func with(t *testing.T, claims []*corev1.PersistentVolumeClaim, volumes []*corev1.PersistentVolume) *supervisor {
	t.Helper()
	known := func() cache.Indexer { return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{}) }
	claimIndex, volumeIndex := known(), known()
	client := fake.NewClientset()
	for _, one := range claims {
		_ = claimIndex.Add(one)
	}
	for _, one := range volumes {
		_ = volumeIndex.Add(one)
		if _, err := client.CoreV1().PersistentVolumes().Create(context.Background(), one, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return &supervisor{
		Options: Options{Dir: state.Dir(t.TempDir()), Parameters: state.Parameters{Nodes: 2}},
		client:  client, forwards: map[string]string{},
		claims:  listers.NewPersistentVolumeClaimLister(claimIndex),
		volumes: listers.NewPersistentVolumeLister(volumeIndex),
	}
}

func (s *supervisor) names(t *testing.T) []string {
	t.Helper()
	list, err := s.client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, volume := range list.Items {
		names = append(names, volume.Name)
	}
	return names
}

func TestOnlyAPendingClaimOfOurClassWaitsForAVolume(t *testing.T) {
	named := claim("c", storageClass, corev1.ClaimPending)
	named.Spec.VolumeName = "chosen"
	classless := claim("c", "", corev1.ClaimPending)
	classless.Spec.StorageClassName = nil
	for name, row := range map[string]struct {
		claim *corev1.PersistentVolumeClaim
		want  bool
	}{
		"pending":        {claim("c", storageClass, corev1.ClaimPending), true},
		"bound":          {claim("c", storageClass, corev1.ClaimBound), false},
		"another class":  {claim("c", "fast", corev1.ClaimPending), false},
		"no class":       {classless, false},
		"a named volume": {named, false},
	} {
		if got := waits(row.claim); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAClaimGetsAFolderThatEveryUserMayWriteTo(t *testing.T) {
	s := with(t, []*corev1.PersistentVolumeClaim{claim("c", storageClass, corev1.ClaimPending)}, nil)
	for range 2 { // a second round changes nothing
		if err := s.provision(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	volume, err := s.client.CoreV1().PersistentVolumes().Get(context.Background(), "pvc-uid-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	folder := volume.Spec.HostPath.Path
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("%s: %v, %v", folder, info, err)
	}
	size := volume.Spec.Capacity["storage"]
	if ref := volume.Spec.ClaimRef; ref.Namespace != "ns" || ref.Name != "c" || ref.UID != "uid-1" ||
		size.String() != "1Mi" || !slices.Equal(volume.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{"ReadWriteMany"}) {
		t.Errorf("%+v", volume.Spec)
	}
}

func TestAReleasedVolumeOfOursIsRemovedWithItsFolder(t *testing.T) {
	volume := func(name, class string, phase corev1.PersistentVolumePhase) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       corev1.PersistentVolumeSpec{StorageClassName: class},
			Status:     corev1.PersistentVolumeStatus{Phase: phase},
		}
	}
	s := with(t, nil, []*corev1.PersistentVolume{
		volume("bound", storageClass, corev1.VolumeBound), volume("released", storageClass, corev1.VolumeReleased),
		volume("foreign", "", corev1.VolumeReleased),
	})
	if err := os.MkdirAll(s.Dir.Path("volumes", "released", "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.provision(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := s.names(t); !slices.Equal(got, []string{"bound", "foreign"}) {
		t.Errorf("%v are left", got)
	}
	if _, err := os.Stat(s.Dir.Path("volumes", "released")); !os.IsNotExist(err) {
		t.Error("the folder is left:", err)
	}
}

func TestOneRoundIsAskedForHoweverMuchChanges(t *testing.T) {
	wake := make(chan struct{}, 1)
	for range 3 {
		nudge(wake)
	}
	if len(wake) != 1 {
		t.Errorf("%d rounds", len(wake))
	}
}

func TestANodeIsReadyIfItsConditionSaysSo(t *testing.T) {
	for status, want := range map[corev1.ConditionStatus]bool{
		corev1.ConditionTrue: true, corev1.ConditionFalse: false, corev1.ConditionUnknown: false,
	} {
		node := corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: status},
		}}}
		if got := nodeReady(node); got != want {
			t.Errorf("%s: %v", status, got)
		}
	}
	if nodeReady(corev1.Node{}) {
		t.Error("ready without a word")
	}
}

func TestOnlyNodesOfThisClusterHaveANumber(t *testing.T) {
	s := with(t, nil, nil)
	if n, err := s.number("node-2"); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, name := range []string{"node-0", "node-3", "2", ""} {
		if n, err := s.number(name); err == nil || !strings.Contains(err.Error(), "node-1 to node-2") {
			t.Errorf("%q: %d, %v", name, n, err)
		}
	}
}

func TestRequestsAreAnsweredAlsoInAFolderWithALongName(t *testing.T) {
	s := with(t, nil, nil)
	s.Dir = state.Dir(s.Dir.Path(strings.Repeat("l", 120)))
	if err := os.Mkdir(string(s.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(s.Dir, Request{}, nil); err == nil {
		t.Error("answered by nobody")
	}
	if err := s.takeRequests(); err != nil {
		t.Fatal(err)
	}
	for action, reason := range map[string]string{
		"fly": `unknown request "fly"`, "stop-node": "no node", "forward": "no socket",
	} {
		if _, err := Ask(s.Dir, Request{Action: action}, nil); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", action, err)
		}
	}
}

func TestAForwardIsMadeOnceAndCarriesBothWays(t *testing.T) {
	inside, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	go func() {
		connection, err := inside.Accept()
		if err == nil {
			data := make([]byte, 4)
			_, _ = connection.Read(data)
			_, _ = connection.Write(append([]byte("re:"), data...))
			connection.Close()
		}
	}()
	s := with(t, nil, nil)
	if err := s.takeRequests(); err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		outside, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer outside.Close()
		socket, err := outside.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		address, err := Ask(s.Dir, Request{Action: "forward", Target: inside.Addr().String()}, socket)
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	address := ask()
	if again := ask(); again != address {
		t.Errorf("a second forward: %s, %s", again, address)
	}
	connection, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = connection.Write([]byte("ping"))
	data := make([]byte, 7)
	if n, err := connection.Read(data); string(data[:n]) != "re:ping" {
		t.Errorf("%q, %v", data[:n], err)
	}
}
