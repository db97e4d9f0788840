#!/usr/bin/env bash
# Fails with the difference if the go.mod or go.sum of a module is not tidy: verify-modules.sh MODULE...
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

untidy=()
for module in "$@"; do
	if go -C "$module" mod tidy -diff; then
		echo "tidy: $module"
	else
		untidy+=("$module")
	fi
done
if [ "${#untidy[@]}" -gt 0 ]; then
	echo "not tidy: ${untidy[*]}; run \"make tidy\"" >&2
	exit 1
fi
hack/shared-modules.sh check
