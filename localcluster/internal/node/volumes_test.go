package node

import (
	"testing"

	"k8s.io/kubernetes/pkg/volume"
)

// recorder is a mounter that keeps what it is asked for.
type recorder struct {
	volume.Mounter
	seen []volume.MounterArgs
}

func (r *recorder) SetUp(args volume.MounterArgs) error {
	r.seen = append(r.seen, args)
	return nil
}

func (r *recorder) SetUpAt(_ string, args volume.MounterArgs) error { return r.SetUp(args) }

func TestATokenIsGivenToThePodsUserOnlyWhereThatUserExists(t *testing.T) {
	user, group := int64(65532), int64(7)
	for _, exists := range []bool{true, false} {
		inner := &recorder{}
		mounter := projectedMounter{inner, func(uid int) bool { return exists && uid == 65532 }}
		_ = mounter.SetUp(volume.MounterArgs{FsUser: &user, FsGroup: &group})
		_ = mounter.SetUpAt("/x", volume.MounterArgs{FsUser: &user, FsGroup: &group})
		_ = mounter.SetUp(volume.MounterArgs{FsGroup: &group})
		for i, want := range []bool{exists, exists, false} {
			if got := inner.seen[i]; (got.FsUser != nil) != want || got.FsGroup != &group {
				t.Errorf("the user exists %v, call %d: %+v", exists, i, got)
			}
		}
	}
}
