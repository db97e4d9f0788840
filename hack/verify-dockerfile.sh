#!/usr/bin/env bash
# Builds every target of the Dockerfile with buildah and compares it with what "make images" makes: the same files, byte
# for byte, and the same configuration. Needs root; installs buildah and busybox-static from Debian if they are missing.
# The base image is made of this machine's Go installation, imported under the name that the Dockerfile asks for, so
# that no image registry is needed. The builds share this machine's caches: Go knows a package in them by all that goes
# into it, so what is taken from there is what would be built anew, in minutes.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

export BUILDAH_ISOLATION=chroot
export VERSION=${VERSION:-dev} IMAGE_TAG=verify-dockerfile
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
registry=${IMAGE_REGISTRY:-ghcr.io/securedmcp}
programs=(operator runtime securedmcp)

[ "$(id -u)" = 0 ] || { echo "must run as root: buildah makes root file systems" >&2 && exit 1; }
hack/apt.sh buildah busybox-static ca-certificates

# Images and containers of ours, apart from whatever else buildah has on this machine.
storage=$(mktemp -d /var/tmp/verify-dockerfile.XXXXXX)
trap 'buildah --root "$storage/root" --runroot "$storage/run" rm --all >/dev/null 2>&1 || true; rm -rf "$storage"' EXIT
buildah() { command buildah --root "$storage/root" --runroot "$storage/run" "$@"; }

# base_image imports this machine's Go under the golang tag. busybox is its shell.
base_image() {
	local container files=$storage/files name
	name=docker.io/library/golang:$(sed -n 's/^ARG GO_VERSION=//p' Dockerfile)
	mkdir -p "$files/bin" "$files/tmp" "$files/root" "$files/usr/local" "$files/etc/ssl/certs"
	cp /bin/busybox "$files/bin/busybox"
	for applet in sh env mkdir rm cp; do ln -s busybox "$files/bin/$applet"; done
	cp -L /etc/ssl/certs/ca-certificates.crt "$files/etc/ssl/certs/"
	cp -a "$(go env GOROOT)/." "$files/usr/local/go"
	container=$(buildah from scratch)
	buildah add --quiet "$container" "$files" / >/dev/null
	buildah config --env PATH=/usr/local/go/bin:/bin --env GOPATH=/go --env GOTOOLCHAIN=local \
		--env "GOPROXY=$(go env GOPROXY)" --env "GOSUMDB=$(go env GOSUMDB)" "$container"
	buildah commit --quiet --rm "$container" "$name" >/dev/null
	rm -rf "$files"
	echo "base image $name: $(go version)"
}

# content IMAGE prints the digest of every file and the configuration that matters.
content() {
	local container folder
	container=$(buildah from --pull-never "$1")
	folder=$(buildah mount "$container")
	(cd "$folder" && find . -type f ! -path './run/*' -print0 | sort -z | xargs -0 sha256sum)
	buildah inspect --type image --format '{{.OCIv1.Architecture}} user={{.OCIv1.Config.User}} entrypoint={{.OCIv1.Config.Entrypoint}} cmd={{.OCIv1.Config.Cmd}} ports={{.OCIv1.Config.ExposedPorts}}{{range $k, $v := .OCIv1.Config.Labels}}
{{$k}}={{$v}}{{end}}' "$1" | grep -v '^io.buildah.version='
	buildah rm "$container" >/dev/null
}

echo "-- the images without an engine"
IMAGE_ENGINE=files hack/images.sh
base_image
different=0
for program in "${programs[@]}"; do
	printf '\n-- target %s\n' "$program"
	hack/progress.sh "building target $program" command buildah --root "$storage/root" --runroot "$storage/run" build --pull-never --quiet --layers \
		--volume "$(go env GOCACHE):/cache/build" --volume "$(go env GOMODCACHE):/cache/modules" \
		--target "$program" --build-arg TARGETOS=linux --build-arg TARGETARCH="$(go env GOARCH)" --build-arg VERSION="$VERSION" --build-arg REVISION="$revision" --tag "localhost/$program:engine" .
	content "localhost/$program:engine" >"$storage/engine"
	buildah pull --quiet "docker-archive:dist/images/$program.tar" >/dev/null
	content "$registry/$program:$IMAGE_TAG" >"$storage/files"
	if diff --label Dockerfile "$storage/engine" --label "make images" "$storage/files"; then
		sed 's/^/  /' "$storage/engine"
		echo "the same in both"
	else
		different=1
	fi
done
exit "$different"
