#!/usr/bin/env bash
# Imports image tars (OCI or "docker save") into the node: load-images.sh TAR...
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

require_root
[ "$#" -gt 0 ] || fail "usage: load-images.sh TAR..."
for tar in "$@"; do
	[ -f "$tar" ] || fail "$tar is not a file"
	# From standard input: the file need not be visible inside the node.
	in_node ctr --namespace k8s.io images import --digests=false - <"$tar"
done
