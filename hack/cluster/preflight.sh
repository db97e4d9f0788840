#!/usr/bin/env bash
# Says what the cluster could not start without, before anything is built for it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

[ -z "${DEMO_KUBECONFIG:-}" ] || exit 0 # a cluster of somebody else
require_root
require_cgroups
