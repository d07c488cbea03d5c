#!/bin/sh
# Builds the localcluster binary: sh build.sh OUT. Uses $GO, or go from PATH.
# -v names each package as it is compiled: minutes without a word look like a hang.
# The version flags matter: without them the API server calls itself v0.0.0 and clients refuse it.
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT}")
cd "$(dirname "$0")"
version=1.37.2
pkg=k8s.io/component-base/version
CGO_ENABLED=0 "${GO:-go}" build -v -trimpath -buildvcs=false \
  -ldflags "-s -w -X $pkg.gitVersion=v$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=37" \
  -o "$out" .
