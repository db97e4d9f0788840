#!/usr/bin/env bash
# Removes the cluster and every trace of it from this machine; says what it removed. Safe to run at any time.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

main() {
	local before after
	require_root
	lock
	before=$(leftovers)
	if [ -z "$before" ]; then
		say "no cluster is on this machine"
		return
	fi
	remove
	after=$(leftovers)
	if [ -n "$after" ]; then
		printf 'could not remove:\n%s\n' "$after" >&2
		exit 1
	fi
	say "removed:"
	summary <<<"$before"
}

# summary counts what comes in dozens.
summary() {
	awk '$1 == "process" || $1 == "cgroup" || $1 == "mount" { n[$1]++; next }
		{ print "  " $0 }
		END { for (k in n) print "  " n[k] " " k (n[k] > 1 ? (k == "process" ? "es" : "s") : "") }' | sort
}

main
