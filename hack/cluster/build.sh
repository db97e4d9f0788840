#!/usr/bin/env bash
# Builds the Kubernetes components into bin/k8s: one program, kube, and a link for each component's name.
# The program is kept in the user's cache by the digest of its sources, so that another clone need not build it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

components=(coredns etcd etcdutl helm ingress-nginx kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/securedmcp
keep=2         # programs left in the cache
heartbeat=20   # seconds between two signs of life
build_pid=

# The same flags as for the operator itself: with others, nothing would be shared in the build cache.
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOWORK=off
# What nothing else here compiles, and nobody debugs, is compiled quickly: without inlining some of the largest packages
# take half the time.
flags=(-trimpath "-gcflags=k8s.io/kubernetes/...=-l -dwarf=false")

main() {
	command -v go >/dev/null || fail "needs Go: no 'go' on the PATH"
	cd "$here"
	local digest
	digest=$(inputs | sha256sum | cut -c1-16)
	if up_to_date "$digest"; then
		say "bin/k8s is up to date"
		return
	fi
	mkdir -p "$cache" "$bin"
	one_at_a_time
	if [ -x "$cache/kube-$digest/kube" ]; then
		say "taking the Kubernetes components from the cache"
	else
		build "$digest"
	fi
	install_links "$digest"
	prune
}

# inputs prints all that the result depends on. Tests and scripts are not part of it.
inputs() {
	go env GOVERSION GOOS GOARCH
	printf '%s\n' "${flags[@]}" "$(ldflags)"
	find go.mod go.sum kube ingress pause mkimage -type f ! -name '*_test.go' ! -path '*/testdata/*' -print0 |
		sort -z | xargs -0 sha256sum
}

version_of() { awk -v m="$1" '$1 == m { print $2; exit }' go.mod; }

# ldflags: without a version, clients and servers refuse to compare theirs.
ldflags() {
	local v minor package out="-s -w"
	v=$(version_of k8s.io/kubernetes)
	minor=${v#v1.}
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		out+=" -X $package.gitVersion=$v -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
	done
	echo "$out -X helm.sh/helm/v4/internal/version.version=$(version_of helm.sh/helm/v4)"
}

up_to_date() {
	local name
	[ "$(cat "$bin/.stamp" 2>/dev/null)" = "$1" ] || return 1
	[ -f "$bin/pause.tar" ] || return 1
	for name in "${components[@]}"; do [ -x "$bin/$name" ] || return 1; done
}

# one_at_a_time: two cold builds side by side take twice as long and twice the memory.
one_at_a_time() {
	exec 8>"$cache/.lock"
	flock --nonblock 8 || { say "waiting for another build.sh to end" && flock 8; }
}

build() {
	local tmp=$cache/tmp.$$ log=$bin/build.log start=$SECONDS
	rm -rf "$cache"/tmp.*
	mkdir -p "$tmp"
	trap 'stop_build; rm -rf "'"$tmp"'"' EXIT
	say "building the Kubernetes components from source: the first time this takes about 13 minutes on two cores; later under 5 s"
	with_heartbeat "$log" nice -n 5 go build -v "${flags[@]}" -ldflags "$(ldflags)" -o "$tmp/kube" ./kube
	go build "${flags[@]}" -ldflags '-s -w' -o "$tmp/pause" ./pause
	go run "${flags[@]}" ./mkimage -o "$tmp/pause.tar" -tag registry.local/pause:1 -user 65535:65535 -entrypoint /pause "$tmp/pause=/pause"
	rm -rf "$cache/kube-$1"
	mv "$tmp" "$cache/kube-$1"
	say "built in $((SECONDS - start)) s"
}

stop_build() { [ -z "$build_pid" ] || kill "$build_pid" 2>/dev/null || true; }

# with_heartbeat LOG COMMAND... runs a "go build -v" and says every now and then how far it is.
with_heartbeat() {
	local log=$1 start=$SECONDS next=$((SECONDS + heartbeat))
	shift
	"$@" >"$log" 2>&1 & # it keeps the lock: should we be killed, the next build.sh waits for its end
	build_pid=$!
	while kill -0 "$build_pid" 2>/dev/null; do
		if [ "$SECONDS" -ge "$next" ]; then
			say "  $((SECONDS - start)) s: $(progress "$log")"
			next=$((SECONDS + heartbeat))
		fi
		sleep 0.5
	done
	if ! wait "$build_pid"; then
		tail -n 40 "$log" >&2
		fail "the build failed; its whole output is in $log"
	fi
	build_pid=
}

progress() {
	local compiled
	compiled=$(grep -vc '^go: downloading' "$1" || true)
	# "go build -v" names a package when it begins with it; after the last one, it links.
	case $(tail -n 1 "$1") in
	"") echo "looking at what is to be compiled" ;;
	*/hack/cluster/kube) echo "$compiled packages compiled, linking (about 30 s)" ;;
	*) echo "$compiled packages compiled, of about 3300; now $(tail -n 1 "$1")" ;;
	esac
}

# install_links never writes into a file that a running cluster may be executing.
install_links() {
	local name
	cp -f --reflink=auto "$cache/kube-$1/kube" "$bin/.kube.new"
	mv -f "$bin/.kube.new" "$bin/kube"
	cp -f "$cache/kube-$1/pause.tar" "$bin/pause.tar"
	for name in "${components[@]}"; do ln -sf kube "$bin/$name"; done
	echo "$1" >"$bin/.stamp"
	touch "$cache/kube-$1" # recently used
	say "bin/k8s is ready: ${components[*]}"
}

prune() {
	find "$cache" -mindepth 1 -maxdepth 1 -type d -name 'kube-*' -printf '%T@ %p\n' | sort -rn | tail -n +$((keep + 1)) |
		cut -d' ' -f2- | xargs -r rm -rf --
}

main
