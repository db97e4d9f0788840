#!/usr/bin/env bash
# Fails with the difference if a Go file is not formatted.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

failed=0
difference=$(git ls-files --cached --others --exclude-standard -- '*.go' |
	while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
	xargs -r "$(go env GOROOT)/bin/gofmt" -d) || failed=$? # since Go 1.26 a difference is a failure of gofmt, too
if [ -n "$difference" ] || [ "$failed" != 0 ]; then
	printf '%s\n' "$difference"
	echo 'not formatted: run "make fmt"' >&2
	exit 1
fi
echo "every Go file is formatted"
