#!/usr/bin/env bash
# Build the Dockerfile with Debian's buildah, where there is no Docker engine and no registry of images: the base image is
# made by debootstrap, with Debian's Python in the place of the one of python:*-slim. Needs root, buildah and debootstrap.
#
#   build_image.sh DIRECTORY     leaves in it the file system of the image (root/) and its configuration (config.json)
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
directory=$(mkdir -p "$1" && cd "$1" && pwd)
base=$(sed -n 's/^FROM \(python[^ ]*\).*/\1/p' "$source/Dockerfile" | head -n 1)
release=${base##*-}

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
image() { buildah --root "$directory/storage" --runroot "$directory/run" "$@"; }

if ! image inspect "docker.io/library/$base" >/dev/null 2>&1; then
	rm -rf "$directory/base"
	debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "$release" "$directory/base"
	container=$(image from scratch)
	image copy --quiet "$container" "$directory/base" /
	image run "$container" -- ln -s /usr/bin/python3 /usr/local/bin/python
	image commit --quiet --rm "$container" "docker.io/library/$base"
	rm -rf "$directory/base"
fi

# The certificates of this machine: a proxy in the way of the package index may have one of its own.
image build --format docker --pull-never --volume /etc/ssl/certs:/etc/ssl/certs:ro --tag traefik-canary "$source"

image inspect --type image traefik-canary >"$directory/config.json"
rm -rf "$directory/root"
container=$(image from --pull-never traefik-canary)
cp -a "$(image mount "$container")" "$directory/root"
image rm "$container" >/dev/null
image images
