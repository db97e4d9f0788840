#!/usr/bin/env bash
# Kills the API server of the running cluster, as a crash would, and waits until another one serves.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

require_root
mark=$state/log/restart-kube-apiserver
touch "$mark"
in_node pkill -KILL --exact kube-apiserver
restarted() { [ ! -e "$mark" ]; }
wait_for 120 restarted || fail "nobody has started the API server again; is the cluster an older one?"
wait_for 120 kubectl get --raw /readyz || fail "the API server is not ready; its log is $state/log/kube-apiserver.log"
