#!/usr/bin/env bash
# The operator, the local Kubernetes (hack/cluster) and cert-manager (hack/certmanager) compile the same packages,
# Kubernetes' own above all. Where two have one version of a module, the second to be built takes it from the build
# cache, which saves minutes on a new machine. "shared-modules.sh check" fails if a module that the operator and another
# compile has two versions; "shared-modules.sh align" raises the lower ones. They may replace a module; what counts is
# what they compile.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

others=(hack/cluster hack/certmanager)

# versions MODULE prints the modules that it compiles something of, each with its version.
versions() {
	go -C "$1" list -deps -f '{{with .Module}}{{if .Version}}{{.Path}} {{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}{{end}}{{end}}' ./... | sort -u
}

# differences OTHER prints lines of path, version here and version there.
differences() { join <(versions .) <(versions "$1") | awk '$2 != $3'; }

check() {
	local other found
	for other in "${others[@]}"; do
		found=$(differences "$other")
		if [ -n "$found" ]; then
			printf 'wrong: modules that . and %s compile in two versions; run "make tidy":\n%s\n' "$other" "$found" >&2
			exit 1
		fi
		echo "ok: . and $other compile the modules that they share in the same versions"
	done
}

align() {
	local other path here there highest
	for other in "${others[@]}"; do
		while read -r path here there; do
			highest=$(printf '%s\n' "$here" "$there" | sort -V | tail -n 1)
			echo "$path $highest"
			go get "$path@$highest"
			go -C "$other" get "$path@$highest"
		done < <(differences "$other")
	done
}

case ${1:-} in
check | align) "$1" ;;
*)
	echo "usage: shared-modules.sh check|align" >&2
	exit 2
	;;
esac
