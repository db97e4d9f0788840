#!/usr/bin/env bash
# Builds cert-manager's controller into bin/cert-manager. Called by "make e2e"; the first time takes a minute or two.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# The same flags as for the operator itself: most of what is compiled comes from its build then.
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOWORK=off
echo "building bin/cert-manager (about 100 s the first time)"
hack/progress.sh "compiling cert-manager" go -C hack/certmanager build -ldflags '-s -w' -o "$PWD/bin/cert-manager" .
