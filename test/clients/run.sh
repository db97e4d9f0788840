#!/usr/bin/env bash
# Runs MCP clients that others wrote against the runtime, through an authorization server that others wrote:
# run.sh [ARGUMENT OF GO TEST...]. Needs Go and npm. What npm installs is kept under bin/.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/npm.sh
. hack/npm.sh

CLIENTS_PACKAGES=$(npm_install clients test/clients)
# Scripts find packages beside themselves.
cp -- test/clients/*.mjs "$CLIENTS_PACKAGES"
CLIENTS_NODE=$(npm_node "$CLIENTS_PACKAGES")
export CLIENTS_PACKAGES CLIENTS_NODE
printf '\n-- clients, on Node.js %s\n' "$("$CLIENTS_NODE" --version)"
hack/progress.sh "the clients" go test -tags clients -count=1 -v "$@" ./test/clients
