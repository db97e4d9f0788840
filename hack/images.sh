#!/usr/bin/env bash
# Builds the three container images into dist/images/NAME.tar, and fails if one is over its size budget. Called by
# "make images" with VERSION, IMAGE_TAG, IMAGE_REGISTRY and IMAGE_ENGINE set:
#   files    packs the static programs itself: needs no engine and gives the same bytes every time
#   docker   builds the Dockerfile with Docker
#   buildah  builds the Dockerfile with buildah
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

programs=(operator runtime securedmcp)
# Budgets in MB (10^6 bytes) of what is in the image, before compression. Every server's pods pull the runtime.
declare -A budget=([operator]=70 [runtime]=25 [securedmcp]=50)

engine=${IMAGE_ENGINE:-files}
tag=${IMAGE_TAG:-dev}
version=${VERSION:-dev}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
arch=${TARGETARCH:-$(go env GOARCH)}
authorities=/etc/ssl/certs/ca-certificates.crt
out=dist/images
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath"

image() { echo "${IMAGE_REGISTRY:-ghcr.io/securedmcp}/$1:$tag"; }

# compile PROGRAM has the flags of the Dockerfile: the programs come out the same, byte for byte.
compile() {
	hack/progress.sh "compiling $1" env GOOS=linux GOARCH="$arch" \
		go build -ldflags "-s -w -buildid= -X main.version=$version" -o "dist/bin/$arch/$1" "./cmd/$1"
}

# describe PROGRAM prints mkimage's flags for what the Dockerfile says of the image.
describe() {
	local title description
	title=$(label "$1" title)
	description=$(label "$1" description)
	printf '%s\n' -user 65532:65532 -entrypoint "/$1" -arch "$arch" \
		-label "org.opencontainers.image.source=$(label base source)" \
		-label "org.opencontainers.image.licenses=$(label base licenses)" \
		-label "org.opencontainers.image.version=$version" \
		-label "org.opencontainers.image.revision=$revision" \
		-label "org.opencontainers.image.title=$title" \
		-label "org.opencontainers.image.description=$description"
	sed -n "/^FROM .* AS $1\$/,/^FROM /s/^EXPOSE //p" Dockerfile | tr ' ' '\n' | sed '/^$/d; s/^/-expose\n/'
}

# label STAGE NAME reads a label from the Dockerfile, so that it is written once.
label() {
	sed -n "/^FROM .* AS $1\$/,/^FROM /s/.*org\.opencontainers\.image\.$2=\"\([^\"]*\)\".*/\1/p" Dockerfile
}

pack() {
	local flags
	mapfile -t flags < <(describe "$1")
	dist/bin/mkimage -o "$out/$1.tar" -tag "$(image "$1")" "${flags[@]}" \
		"dist/bin/$arch/$1=/$1" "$authorities=$authorities"
}

build_with_files() {
	[ -s "$authorities" ] || hack/apt.sh ca-certificates
	go -C hack/cluster build -o "$PWD/dist/bin/mkimage" ./mkimage
	for program in "${programs[@]}"; do
		compile "$program"
		pack "$program"
	done
}

build_with_docker() {
	for program in "${programs[@]}"; do
		docker build --target "$program" --build-arg VERSION="$version" --build-arg REVISION="$revision" \
			--tag "$(image "$program")" .
		docker save --output "$out/$program.tar" "$(image "$program")"
	done
}

build_with_buildah() {
	hack/apt.sh buildah
	for program in "${programs[@]}"; do
		buildah build --target "$program" --build-arg VERSION="$version" --build-arg REVISION="$revision" \
			--tag "$(image "$program")" .
		rm -f "$out/$program.tar"
		buildah push "$(image "$program")" "docker-archive:$out/$program.tar:$(image "$program")"
	done
}

# check_size PROGRAM adds up the layers of a tar, whichever engine wrote it.
check_size() {
	local bytes=0 layer size
	for layer in $(tar -xOf "$out/$1.tar" manifest.json | grep -o '"Layers":\[[^]]*\]' | grep -o '"[^"]*"' | tail -n +2 | tr -d '"'); do
		size=$(tar -xOf "$out/$1.tar" "$layer" | (gzip -dcf) | wc -c)
		bytes=$((bytes + size))
	done
	awk -v name="$(image "$1")" -v bytes="$bytes" -v limit="${budget[$1]}" 'BEGIN {
		printf "%-40s %5.1f MB of at most %d\n", name, bytes / 1e6, limit
		exit !(bytes > 0 && bytes <= limit * 1e6)
	}' || {
		echo "$out/$1.tar is over its size budget" >&2
		return 1
	}
}

mkdir -p "$out" dist/bin
case $engine in
files) build_with_files ;;
docker) build_with_docker ;;
buildah) build_with_buildah ;;
*) echo "IMAGE_ENGINE is files, docker or buildah, not '$engine'" >&2 && exit 2 ;;
esac
for program in "${programs[@]}"; do check_size "$program"; done
