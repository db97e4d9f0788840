#!/usr/bin/env bash
# Runs the official MCP conformance suites against the runtime: run.sh [SUITE...]; suites are the folders of suites/.
# Fails on a failure that is not listed in the suite's expected-failures.yaml, and on one listed there that passes.
# Needs Go and npm. What npm installs is kept under bin/, by the lock file's hash; results are under dist/.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
cd -- "$root"
cache=$root/bin/conformance
results=$root/dist/conformance

# shellcheck source=hack/npm.sh
. hack/npm.sh

say() { printf '\n-- %s\n' "$*"; }

# start builds and starts the server under test, and sets url and server.
start() {
	say "building and starting the server under test"
	CGO_ENABLED=0 go build -trimpath -o "$cache/server" ./test/conformance/server
	local ready=$cache/url
	rm -f -- "$ready" && mkfifo -- "$ready"
	"$cache/server" >"$ready" 2>"$results/server.log" &
	server=$!
	if ! read -r -t 60 url <"$ready"; then
		echo "the server did not start:" >&2
		cat -- "$results/server.log" >&2
		return 1
	fi
	echo "$url"
}

# check NAME FOLDER LABEL ARGUMENT... runs what the arguments select.
check() {
	local name=$1 folder=$2 label=$3 output=$results/$1 log=$results/$1/$3.log status=0
	shift 3
	printf '%s %s: ' "$name" "$label"
	"$(npm_node "$folder")" "$folder/node_modules/@modelcontextprotocol/conformance/dist/index.js" server --url "$url" \
		--expected-failures "$here/suites/$name/expected-failures.yaml" --output-dir "$output" "$@" 2>&1 |
		sed 's/\x1b\[[0-9;]*m//g' >"$log" || status=1
	if [ "$status" = 0 ] && grep -q 'all failures are expected' "$log"; then
		sed -nE 's/^(Total|Passed): //p' "$log"
		grep -E '^  ~ ' "$log" || true
		return
	fi
	echo "not as expected"
	cat -- "$log"
	echo "$name $label: not as expected (server $*); each check is under $output" >&2
	return 1
}

# run NAME runs all of a suite. Scenarios that it has and does not count yet are run one by one.
run() {
	local name=$1 folder status=0 scenario
	folder=$(npm_install "conformance-$name" "$here/suites/$name")
	rm -rf -- "${results:?}/$name"
	mkdir -p -- "$results/$name"
	say "conformance suite $name"
	case $name in
	v0.1.16)
		check "$name" "$folder" 2025-11-25 --spec-version 2025-11-25 || status=1
		for scenario in json-schema-2020-12 server-sse-polling; do
			check "$name" "$folder" "$scenario" --scenario "$scenario" || status=1
		done
		;;
	v0.2.0)
		check "$name" "$folder" 2026-07-28 --requirements 2026-07-28 || status=1
		for scenario in json-schema-2020-12 http-header-validation http-custom-header-server-validation; do
			check "$name" "$folder" "$scenario" --scenario "$scenario" --spec-version 2026-07-28 || status=1
		done
		;;
	esac
	return "$status"
}

[ "$#" -gt 0 ] || set -- v0.1.16 v0.2.0
for name in "$@"; do
	[ -f "$here/suites/$name/package-lock.json" ] || {
		echo "no conformance suite $name; there are: $(ls "$here/suites")" >&2
		exit 2
	}
done
mkdir -p -- "$cache" "$results"
server=
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true' EXIT
start
status=0
for name in "$@"; do run "$name" || status=1; done
exit "$status"
