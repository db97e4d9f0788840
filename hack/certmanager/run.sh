#!/usr/bin/env bash
# Runs cert-manager on the local cluster, as a process of its node, from bin/cert-manager (build.sh):
#   run.sh up    installs its CRDs and starts it; does nothing if it runs
#   run.sh down  ends it and removes its CRDs, with all Certificates and issuers
# Removing the cluster removes it too: it is in the cluster's cgroup and in the node's namespaces.
set -euo pipefail
dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../cluster/lib.sh
. "$dir/../cluster/lib.sh"

program=$state/bin/cert-manager
log=$state/log/cert-manager.log
health=$node_ip:9403
namespace=cert-manager # where ClusterIssuers have their Secrets
definitions=(crd/{certificaterequests,certificates,clusterissuers,issuers}.cert-manager.io crd/{challenges,orders}.acme.cert-manager.io)

up() {
	node_pid >/dev/null || fail "no cluster is running; start it with hack/cluster/up.sh"
	! healthy || return 0
	[ -x "$root/bin/cert-manager" ] || fail "there is no bin/cert-manager; build it with hack/certmanager/build.sh"
	install_definitions
	# A copy: a running cluster must not depend on this clone.
	install -m 755 "$root/bin/cert-manager" "$program"
	in_cluster &
	wait_for 120 healthy || { tail -n 25 "$log" >&2 && fail "cert-manager does not answer; its log is $log"; }
	say "cert-manager is up; its log is $log"
}

# Its CRDs need no webhook: each has one version.
install_definitions() {
	local folder
	folder=$(go -C "$dir" list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)/deploy/crds
	kubectl apply --server-side --filename "$folder" >/dev/null
	kubectl wait --for=condition=Established --timeout=120s "${definitions[@]}" >/dev/null
	kubectl create namespace "$namespace" --dry-run=client --output=yaml | kubectl apply --server-side --filename=- >/dev/null
}

# in_cluster turns this subshell into cert-manager: first in the cgroup that says what is the cluster's, then in the
# node's namespaces, whose end is its end.
in_cluster() {
	local h pid
	pid=$(node_pid)
	for h in $(hierarchies); do echo "$BASHPID" >"$h/$cgroup/cgroup.procs"; done
	exec setsid nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup -- /run/cluster/bin/cert-manager \
		-kubeconfig /run/cluster/pki/admin.kubeconfig -cluster-resource-namespace "$namespace" -health "$health" \
		>"$log" 2>&1 </dev/null
}

healthy() { curl --silent --fail --max-time 2 --noproxy '*' --output /dev/null "http://$health/healthz"; }

down() {
	node_pid >/dev/null || return 0
	wait_for 60 end_processes || fail "cert-manager does not end"
	remove_definitions
	kubectl --request-timeout=0 delete --ignore-not-found --timeout=180s "namespace/$namespace" >/dev/null
	rm -f "$program"
}

# When two writes of the API server's own to a CRD that is going meet, it loses sight of that CRD for five minutes. A change
# has it look again.
remove_definitions() {
	local remaining
	for _ in $(seq 9); do
		! kubectl --request-timeout=0 delete --ignore-not-found --timeout=20s "${definitions[@]}" >/dev/null || return 0
		mapfile -t remaining < <(kubectl get --ignore-not-found --output=name "${definitions[@]}")
		[ "${#remaining[@]}" = 0 ] || kubectl annotate --overwrite "${remaining[@]}" "looked-at=$EPOCHREALTIME" >/dev/null || true
	done
	fail "CRDs of cert-manager do not go: ${remaining[*]}"
}

end_processes() {
	local pid left=0
	for pid in $(members); do
		if [ "$(readlink "/proc/$pid/exe")" = "$program" ] || [ "$(readlink "/proc/$pid/exe")" = /run/cluster/bin/cert-manager ]; then
			left=1
			kill "$pid" 2>/dev/null || true
		fi
	done
	return "$left"
}

require_root
case ${1:-} in
up | down) "$1" ;;
*) fail "usage: run.sh up|down" ;;
esac
