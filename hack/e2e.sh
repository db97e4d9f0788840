#!/usr/bin/env bash
# Runs the end-to-end tests on a cluster that it starts, and removes the cluster whatever comes of it: KEEP_CLUSTER=1
# leaves it up to look around. Called by "make e2e", which builds Kubernetes and the images first. Needs root.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

finish() {
	local status=$?
	if [ -n "${KEEP_CLUSTER:-}" ]; then
		echo "the cluster is up; \"make cluster-down\" removes it"
	else
		hack/cluster/down.sh || status=1
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A real Prometheus goes by the objects that the operator makes for one.
hack/apt.sh prometheus
hack/cluster/up.sh
export KUBECONFIG=${CLUSTER_STATE:-/var/lib/securedmcp-cluster}/kubeconfig
hack/progress.sh "the end-to-end tests" go test -tags e2e -count=1 -timeout 40m ./test/e2e/...
