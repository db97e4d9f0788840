#!/usr/bin/env bash
# The operator and the local Kubernetes (hack/cluster) compile the same packages, Kubernetes' own above all. Where both
# have one version of a module, the second to be built takes it from the build cache, which saves minutes on a new
# machine. "shared-modules.sh check" fails if a module that both compile has two versions; "shared-modules.sh align"
# raises the lower ones. hack/cluster may replace a module; what counts is what it compiles.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

other=hack/cluster

# versions MODULE prints the modules that it compiles something of, each with its version.
versions() {
	go -C "$1" list -deps -f '{{with .Module}}{{if .Version}}{{.Path}} {{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}{{end}}{{end}}' ./... | sort -u
}

# differences prints lines of path, version here and version there.
differences() { join <(versions .) <(versions "$other") | awk '$2 != $3'; }

check() {
	local found
	found=$(differences)
	if [ -n "$found" ]; then
		printf 'wrong: modules that . and %s compile in two versions; run "make tidy":\n%s\n' "$other" "$found" >&2
		exit 1
	fi
	echo "ok: . and $other compile the modules that they share in the same versions"
}

align() {
	local path here there highest
	while read -r path here there; do
		highest=$(printf '%s\n' "$here" "$there" | sort -V | tail -n 1)
		echo "$path $highest"
		go get "$path@$highest"
		go -C "$other" get "$path@$highest"
	done < <(differences)
}

case ${1:-} in
check | align) "$1" ;;
*)
	echo "usage: shared-modules.sh check|align" >&2
	exit 2
	;;
esac
