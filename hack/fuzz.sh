#!/usr/bin/env bash
# Runs every fuzz test of the module for FUZZTIME each (5s, 20m). What one finds stays under testdata/fuzz, and is a test
# from then on.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

root=$PWD
binaries=$root/bin/fuzz
# Fuzzing is guided by what these packages do with an input. "go test -fuzz" would watch, and compile once more, all that
# a test links, Kubernetes' client for one.
watch=(github.com/securedmcp/operator/... github.com/modelcontextprotocol/go-sdk/...)

build() {
	local flags=() pattern
	for pattern in "${watch[@]}"; do flags+=("-gcflags=$pattern=-d=libfuzzer"); done
	go test -c "${flags[@]}" -o "$2" "./$1"
}

# fuzz interrupts the fuzz test when its time is over, as a person would. With -test.fuzztime, Go before 1.27 calls the
# end of the time a failure now and then ("context deadline exceeded", https://go.dev/issue/75804).
fuzz() { timeout --foreground --preserve-status --signal=INT --kill-after=60s "${FUZZTIME:-20s}" "$@"; }

mkdir -p -- "$binaries"
cache=$(go env GOCACHE)/fuzz/github.com/securedmcp/operator
count=0
while read -r package; do
	binary=$binaries/${package//\//-}.test
	printf '\n-- compiling the fuzz tests in %s\n' "$package"
	build "$package" "$binary"
	for name in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$package"/*_test.go | cut -d ' ' -f 2); do
		count=$((count + 1))
		printf '\n-- %s in %s\n' "$name" "$package"
		(cd -- "$package" && fuzz "$binary" -test.run '^$' -test.fuzz "^$name\$" -test.fuzzcachedir "$cache/$package")
	done
done < <(git ls-files --cached --others --exclude-standard -- '*_test.go' | grep -v '^hack/cluster/' |
	xargs -r grep -l '^func Fuzz' | xargs -r -n 1 dirname | sort -u)

if [ "$count" = 0 ]; then
	echo "no fuzz test found" >&2
	exit 1
fi
printf '\n%d fuzz tests found nothing\n' "$count"
