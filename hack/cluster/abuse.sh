#!/usr/bin/env bash
# Proves that up.sh recovers from anything and down.sh leaves nothing: it kills the node and up.sh at bad moments, deletes
# the state under a running cluster, and compares the machine before and after. Takes about two minutes; ends any cluster
# that runs.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

passed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ok() {
	passed=$((passed + 1))
	say "ok: $* ($((SECONDS - began)) s)"
	began=$SECONDS
}

up() {
	"$here/up.sh" >"$tmp/up.log" 2>&1 || { cat "$tmp/up.log" >&2 && fail "up.sh failed"; }
}
down() { "$here/down.sh" >"$tmp/down.log" 2>&1 || { cat "$tmp/down.log" >&2 && fail "down.sh failed"; }; }

main() {
	require_root
	down
	"$here/build.sh"
	began=$SECONDS
	up
	ok "starts on a machine that may have none of the Debian packages"
	down # they stay
	machine "$tmp/before"
	up
	ok "starts on a clean machine"
	"$here/smoke.sh" >"$tmp/smoke.log" 2>&1 || { cat "$tmp/smoke.log" >&2 && fail "smoke.sh failed"; }
	ok "serves"
	up
	grep -q 'already up' "$tmp/up.log" || fail "a second up.sh did not see that the cluster is up"
	ok "a second start does nothing"
	kill -KILL "$(node_pid)"
	up
	ok "starts anew after its first process was killed"
	kill_component kube-apiserver
	up
	ok "starts anew after the API server was killed"
	rm -rf "$state"
	up
	ok "starts anew after its state was deleted while it ran"
	two_at_once
	for delay in 0.3 1 3 6; do
		down
		interrupted "$delay"
	done
	down
	machine "$tmp/after"
	diff -u "$tmp/before" "$tmp/after" || fail "the machine is not as it was"
	ok "the machine is as it was before"
	[[ "$("$here/down.sh")" == *'no cluster'* ]] || fail "a second down.sh found something"
	ok "a second down.sh finds nothing"
	say "$passed passed, 0 failed"
}

kill_component() {
	local pid program
	for pid in $(members); do
		IFS= read -r -d '' program <"/proc/$pid/cmdline" || continue
		[ "$program" != "$1" ] || kill -KILL "$pid"
	done
}

# interrupted kills up.sh the hard way after a while; what it started lives on, half made.
interrupted() {
	local pid
	"$here/up.sh" >"$tmp/killed.log" 2>&1 &
	pid=$!
	sleep "$1" # the moment is the point here
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	up
	ok "starts after an up.sh that was killed after $1 s"
}

two_at_once() {
	down
	"$here/up.sh" >"$tmp/one.log" 2>&1 &
	"$here/up.sh" >"$tmp/two.log" 2>&1 || fail "the second of two up.sh failed: $(cat "$tmp/two.log")"
	wait "$!" || fail "the first of two up.sh failed: $(cat "$tmp/one.log")"
	[ "$(cat "$tmp/one.log" "$tmp/two.log" | grep -c 'already up')" = 1 ] || fail "two up.sh at once both started a cluster"
	ok "two starts at once make one cluster"
}

# machine writes down all of this machine that a cluster could change.
machine() {
	{
		ip -oneline link show | cut -d: -f2 | sort
		ip route show table all | sort
		sort /proc/self/mounts
		hierarchies | while read -r h; do find "$h" -maxdepth 1 -type d; done | sort
		sysctls
		nft list ruleset
		find /etc /run /var/lib /var/log /usr/sbin -xdev -maxdepth 2 ! -path '/run/lock*' ! -path '*/apt*' ! -path '*/dpkg*' 2>/dev/null | sort
		grep -lzsx "CLUSTER_STATE=$state" /proc/[0-9]*/environ || true
	} >"$1"
}

# sysctls lists the settings that a kubelet, a kube-proxy or a container runtime may set.
sysctls() {
	find /proc/sys/vm /proc/sys/net /proc/sys/fs /proc/sys/user /proc/sys/kernel/{panic*,keys,*name,pid_max,threads-max} -type f -perm -u+r |
		grep -vE 'nf_conntrack_count|/(inode|dentry|file|aio|quota)-|dqstats|fs/quota/|user/.*count' | sort |
		while read -r f; do printf '%s %s\n' "$f" "$(tr '\n\t' '  ' <"$f" 2>/dev/null)"; done
}

main
