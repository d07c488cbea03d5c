package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

const (
	storageClass = "standard"
	provisioner  = "localcluster.modelservice.dev/folder"

	// sizeLimit on a claim backs it by memory of the size that it asks for, so that a full
	// volume can be seen.
	sizeLimit = "localcluster.modelservice.dev/size-limit"

	provisionRetry = time.Second
)

// startProvisioner makes the default storage class and serves its claims with folders.
func (s *supervisor) startProvisioner(ctx context.Context) error {
	reclaim, binding := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingImmediate
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        storageClass,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: provisioner, ReclaimPolicy: &reclaim, VolumeBindingMode: &binding,
	}
	_, err := s.client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	wake, err := s.watchStorage(ctx)
	if err != nil {
		return err
	}
	go func() {
		for range wake {
			if err := s.provision(ctx); err != nil {
				fmt.Println("provisioner:", err)
				time.AfterFunc(provisionRetry, func() { nudge(wake) })
			}
		}
	}()
	return nil
}

// watchStorage keeps claims and volumes at hand, and says when one of them changes.
func (s *supervisor) watchStorage(ctx context.Context) (chan struct{}, error) {
	factory := informers.NewSharedInformerFactory(s.client, 0)
	wake := make(chan struct{}, 1)
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { nudge(wake) },
		UpdateFunc: func(_, _ any) { nudge(wake) },
	}
	claims := factory.Core().V1().PersistentVolumeClaims()
	volumes := factory.Core().V1().PersistentVolumes()
	s.claims, s.volumes = claims.Lister(), volumes.Lister()
	for _, informer := range []cache.SharedIndexInformer{claims.Informer(), volumes.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, err
		}
	}
	factory.Start(ctx.Done())
	return wake, nil
}

// nudge asks for one more round; a round that is asked for already is enough.
func nudge(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (s *supervisor) provision(ctx context.Context) error {
	claims, err := s.claims.List(labels.Everything())
	if err != nil {
		return err
	}
	var failures []error
	for _, claim := range claims {
		if waits(claim) {
			failures = append(failures, s.makeVolume(ctx, claim))
		}
	}
	volumes, err := s.volumes.List(labels.Everything())
	failures = append(failures, err)
	for _, volume := range volumes {
		if volume.Status.Phase == corev1.VolumeReleased && volume.Spec.StorageClassName == storageClass {
			failures = append(failures, s.dropVolume(ctx, volume.Name))
		}
	}
	return errors.Join(failures...)
}

func waits(claim *corev1.PersistentVolumeClaim) bool {
	class := claim.Spec.StorageClassName
	return claim.Status.Phase == corev1.ClaimPending && claim.Spec.VolumeName == "" &&
		class != nil && *class == storageClass
}

func (s *supervisor) makeVolume(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(claim.UID)
	folder := s.Dir.Path("volumes", name)
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if err := makeFolder(folder, claim.Annotations[sizeLimit] == "true", size.Value()); err != nil {
		return err
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: storageClass,
			AccessModes:      claim.Spec.AccessModes,
			Capacity:         corev1.ResourceList{corev1.ResourceStorage: size},
			// By us: the controller leaves volumes to the provisioner that is noted above.
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef: &corev1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: folder},
			},
		},
	}
	_, err := s.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// makeFolder makes a folder that every user may write to, as a volume with a group would be.
func makeFolder(folder string, limited bool, size int64) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	var known unix.Statfs_t
	isMounted := unix.Statfs(folder, &known) == nil && known.Type == unix.TMPFS_MAGIC
	if limited && !isMounted {
		options := fmt.Sprintf("mode=777,size=%d", size)
		if err := unix.Mount("volume", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return err
		}
	}
	return os.Chmod(folder, 0o777)
}

func (s *supervisor) dropVolume(ctx context.Context, name string) error {
	folder := s.Dir.Path("volumes", name)
	_ = unix.Unmount(folder, unix.MNT_DETACH)
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	err := s.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
