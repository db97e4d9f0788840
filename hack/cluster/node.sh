#!/usr/bin/env bash
# Runs a command inside the node, for a look around: node.sh ctr -n k8s.io images ls; node.sh nft list ruleset
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

require_root
[ "$#" -gt 0 ] || fail "usage: node.sh COMMAND [ARG...]"
in_node "$@"
