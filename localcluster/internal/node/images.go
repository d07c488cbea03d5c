package node

import (
	"context"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	critesting "k8s.io/cri-api/pkg/apis/testing"

	"modelservice.dev/localcluster/internal/images"
)

// imageService "pulls" by looking into the image map.
type imageService struct {
	*critesting.FakeImageService
	path string
}

func newImageService(path string) *imageService {
	service := critesting.NewFakeImageService()
	// The kubelet's image garbage collection reads both figures without asking whether they
	// are there.
	service.SetFakeFilesystemUsage([]*runtimeapi.FilesystemUsage{{
		FsId:       &runtimeapi.FilesystemIdentifier{Mountpoint: "/"},
		UsedBytes:  &runtimeapi.UInt64Value{Value: 1},
		InodesUsed: &runtimeapi.UInt64Value{Value: 1},
	}})
	return &imageService{FakeImageService: service, path: path}
}

// ImageStatus tells whether the image is there.
func (s *imageService) ImageStatus(
	_ context.Context, spec *runtimeapi.ImageSpec, _ bool,
) (*runtimeapi.ImageStatusResponse, error) {
	image, err := images.Find(s.path, spec.GetImage())
	if err != nil {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	return &runtimeapi.ImageStatusResponse{Image: &runtimeapi.Image{
		Id:       spec.GetImage(),
		RepoTags: []string{spec.GetImage()},
		Spec:     spec,
		Uid:      &runtimeapi.Int64Value{Value: image.User},
		Size:     1,
	}}, nil
}

// PullImage finds the image in the map, or fails as a registry would.
func (s *imageService) PullImage(
	_ context.Context, spec *runtimeapi.ImageSpec,
	_ *runtimeapi.AuthConfig, _ *runtimeapi.PodSandboxConfig,
) (string, error) {
	if _, err := images.Find(s.path, spec.GetImage()); err != nil {
		return "", err
	}
	return spec.GetImage(), nil
}
