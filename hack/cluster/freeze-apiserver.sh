#!/usr/bin/env bash
# Has the API server of the running cluster stand still for some seconds: it keeps its connections, and answers nobody. More
# than once, with a tenth of a second between, that is an API server which is slow.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

require_root
[ "$#" -ge 1 ] || fail "usage: freeze-apiserver.sh SECONDS [TIMES]"
signal() { in_node pkill "-$1" --exact kube-apiserver; }
trap 'signal CONT' EXIT
for _ in $(seq "${2:-1}"); do
	signal STOP
	sleep "$1"
	signal CONT
	sleep 0.1
done
wait_for 120 kubectl get --raw /readyz || fail "the API server is not ready; its log is $state/log/kube-apiserver.log"
