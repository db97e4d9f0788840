#!/usr/bin/env bash
# Runs every fuzz test of the module for FUZZTIME each. What one finds stays under testdata/fuzz, and is a test from then on.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

count=0
while read -r package; do
	for name in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		count=$((count + 1))
		printf '\n-- %s in %s\n' "$name" "$package"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-20s}" "$package"
	done
done < <(git ls-files --cached --others --exclude-standard -- '*_test.go' | grep -v '^hack/cluster/' |
	xargs -r grep -l '^func Fuzz' | xargs -r -n 1 dirname | sort -u | sed 's|^|./|')

if [ "$count" = 0 ]; then
	echo "no fuzz test found" >&2
	exit 1
fi
