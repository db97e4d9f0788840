#!/usr/bin/env bash
# Regenerates everything and fails with the difference if that changed a file. What it compares is the tree before and
# after, not the last commit, so that it also says something in the middle of a change.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# snapshot FOLDER copies every file that git has, or would take.
snapshot() {
	mkdir "$1"
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
		tar --create --null --files-from=- | tar --extract --directory "$1"
}

snapshot "$scratch/committed"
hack/generate.sh
snapshot "$scratch/generated"

if ! (cd "$scratch" && git --no-pager diff --no-index committed generated); then
	echo "generated files were not up to date; they are now: commit them" >&2
	exit 1
fi
echo "generated files are up to date"
