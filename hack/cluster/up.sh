#!/usr/bin/env bash
# Starts a real one-node Kubernetes on this machine and waits until it serves. Does nothing if it already does; removes
# what an aborted run left and starts anew if something else is there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

packages=(containerd containernetworking-plugins curl iproute2 iptables nftables nginx openssl runc)
policy=/usr/sbin/policy-rc.d
policy_mark="# written by SecuredMCP" # as hack/apt.sh marks its own

main() {
	local start=$SECONDS
	require_root
	check_state "$state"
	lock
	if healthy; then
		say "cluster is already up; KUBECONFIG=$state/kubeconfig"
		return
	fi
	clean
	install_packages
	"$here/build.sh" 9>&-
	prepare
	start_node
	await
	touch "$state/ready"
	say "cluster is up after $((SECONDS - start)) s: node node1, Ingress at $node_ip; export KUBECONFIG=$state/kubeconfig"
}

# --- is it up? ----------------------------------------------------------------------------------------------------

healthy() { [ -e "$state/ready" ] && node_pid >/dev/null && all_answer && node_ready; }

# components prints each component's name and the address that says whether it works.
components() {
	cat <<-EOF
		etcd                    http://$node_ip:2381/readyz
		kube-apiserver          https://$node_ip:6443/readyz
		kube-controller-manager https://$node_ip:10257/healthz
		kube-scheduler          https://$node_ip:10259/readyz
		kubelet                 https://$node_ip:10250/healthz
		kube-proxy              http://$node_ip:10256/healthz
		coredns                 http://$node_ip:8181/ready
		ingress-nginx           http://$node_ip:10254/healthz
	EOF
}

answers() { # URL...
	local url args=()
	for url in "$@"; do args+=(--output /dev/null "$url"); done
	# Not every component has a certificate from our authority; nothing secret is said here.
	curl --silent --insecure --fail --fail-early --max-time 5 --noproxy '*' \
		--cert "$state/pki/admin.crt" --key "$state/pki/admin.key" "${args[@]}"
}

all_answer() {
	local urls
	mapfile -t urls < <(components | awk '{ print $2 }')
	answers "${urls[@]}"
}

node_ready() {
	[ "$(kubectl get node node1 --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

# --- preparing ----------------------------------------------------------------------------------------------------

clean() {
	local left
	[ -n "$(leftovers)" ] || return 0
	say "removing what an earlier run left"
	remove
	left=$(leftovers)
	[ -z "$left" ] || fail "could not remove what an earlier run left:"$'\n'"$left"
}

install_packages() {
	local missing
	! grep -qsxF "$policy_mark" "$policy" || rm -f "$policy" # an earlier run was killed
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || fail "needs these programs, which on Debian are packages: $missing"
	say "installing Debian packages (about 20 s): $missing"
	without_services install_now "$missing"
}

missing_packages() {
	local p
	for p in "${packages[@]}"; do
		[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || echo "$p"
	done | paste -sd' '
}

install_now() {
	local log
	log=$(mktemp)
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # a list of names
	if ! { apt-get update && apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 $1; } >"$log" 2>&1 9>&-; then
		tail -n 30 "$log" >&2
		fail "installing Debian packages failed; the whole output is in $log"
	fi
	rm -f "$log"
}

# without_services COMMAND... keeps Debian from starting the packages' services: we run nginx and containerd ourselves.
without_services() {
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
		chmod +x "$policy"
		"$@"
		rm -f "$policy"
	else
		"$@"
	fi
	[ ! -d /run/systemd/system ] || systemctl disable --quiet --now containerd nginx || true
}

# prepare makes the state folder. What a running node reads is copied there: it must not depend on this clone.
prepare() {
	local name
	mkdir -p "$state"
	touch "$state/$marker"
	mkdir -p "$state/bin"
	cp --reflink=auto "$bin/kube" "$state/bin/kube"
	for name in $(components | cut -d' ' -f1) etcdutl kubectl; do ln -s kube "$state/bin/$name"; done
	cp "$bin/pause.tar" "$here/node-init.sh" "$state/"
	cp -r "$here/conf" "$state/conf"
	bash "$here/pki.sh" "$state/pki" "$node_ip"
	install -m 600 "$state/pki/admin.kubeconfig" "$state/kubeconfig"
}

# --- starting -----------------------------------------------------------------------------------------------------

start_node() {
	local pid
	say "starting the node"
	make_cgroups
	load_bridge_filter
	node_namespaces &
	wait_for 60 node_pid || diagnose "the node's namespaces did not start"
	pid=$(node_pid)
	ip link add "$link" type veth peer name eth0 netns "$pid" || diagnose "the node ended before it had a network"
	ip addr add "$host_ip/30" dev "$link"
	ip link set "$link" up
	ip route add "$service_cidr" via "$node_ip"
	ip route add "$pod_cidr" via "$node_ip"
}

# make_cgroups makes the node's cgroup, and one in it for who waits outside of the node for its end: where the kernel
# hands controllers on to child cgroups, version 2 wants no process.
make_cgroups() {
	local h folder
	require_cgroups
	offer_controllers
	for h in $(hierarchies); do
		for folder in "$h/$cgroup" "$h/$cgroup/outside"; do
			mkdir -p "$folder"
			# A new cpuset of version 1 is empty, and takes no process until it is not.
			[ ! -e "$h/cpuset.mems" ] || cat "$h/cpuset.mems" >"$folder/cpuset.mems"
			[ ! -e "$h/cpuset.cpus" ] || cat "$h/cpuset.cpus" >"$folder/cpuset.cpus"
		done
	done
}

# offer_controllers lets the cgroups of version 2 that are next to the root have what the node needs. They stay offered
# when the cluster is gone: somebody else may have come to use them.
offer_controllers() {
	local root name
	root=$(unified) || return 0
	for name in "${controllers[@]}"; do
		grep -qw "$name" "$root/cgroup.subtree_control" || echo "+$name" >"$root/cgroup.subtree_control" ||
			fail "cannot have $name for a cgroup below $root: is this a container? Its first process must be in a cgroup of its own"
	done
}

# load_bridge_filter has the kernel translate addresses between pods on one bridge, too, as a Service needs. Where it is a
# module, as on Debian, nobody has loaded it yet; it stays loaded.
load_bridge_filter() {
	[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || modprobe br_netfilter ||
		fail "the kernel module br_netfilter cannot be loaded, without which pods do not reach each other through Services"
}

# node_namespaces turns this subshell into the node. It joins the cgroup first: from here on it can be found again.
node_namespaces() {
	local h
	for h in $(hierarchies); do echo "$BASHPID" >"$h/$cgroup/outside/cgroup.procs"; done
	exec env -i CLUSTER_STATE="$state" CLUSTER_CGROUP="$cgroup" setsid unshare --mount --net --uts --ipc --pid --fork --mount-proc \
		--propagation private -- /bin/bash "$state/node-init.sh" "$node_ip" "$host_ip" \
		>"$state/init.log" 2>&1 </dev/null 9>&-
}

# --- waiting ------------------------------------------------------------------------------------------------------

await() {
	local name url
	while read -r name url; do
		wait_for 120 answers_or_dead "$url" || diagnose "$name does not answer at $url" "$name"
		! dead || diagnose "a component ended"
	done < <(components)
	wait_for 120 node_ready || diagnose "the node is not Ready" kubelet
	wait_for 120 in_node getent hosts kubernetes.default.svc.cluster.local || diagnose "DNS does not answer" coredns
	wait_for 120 serves_ingress || diagnose "the Ingress does not listen" ingress-nginx
}

# A dead component ends the waiting at once.
answers_or_dead() { dead || answers "$1"; }
dead() { [ -s "$state/log/ended" ] || ! node_pid >/dev/null; }

serves_ingress() {
	[ "$(curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' "http://$node_ip/")" = 404 ]
}

diagnose() { # MESSAGE [COMPONENT]
	local name names
	names=$({ [ -z "${2:-}" ] || echo "$2"; cat "$state/log/ended" 2>/dev/null; } | sort -u)
	{
		echo "--- the node's first process"
		tail -n 15 "$state/init.log"
		for name in $names; do
			echo "--- $name"
			tail -n 25 "$state/log/$name.log"
		done
	} >&2 || true
	fail "$1; the logs are in $state/log, hack/cluster/down.sh removes everything"
}

main
