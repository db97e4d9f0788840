#!/usr/bin/env bash
# Runs every test that needs no cluster node. Called by "make test", which builds the API server and etcd first.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

export KUBEBUILDER_ASSETS=$PWD/bin/k8s

say() { printf '\n-- %s\n' "$*"; }

# The tests of the command paste the lines that it prints into a shell.
hack/apt.sh curl
# The shared rate limit is tested on a real Redis, and what the local Ingress writes on a real nginx.
hack/apt.sh redis-server nginx
# Alerts are evaluated by Prometheus' own promtool.
hack/apt.sh prometheus

say "tests of the operator, the runtime and the command line"
hack/progress.sh "compiling and testing" go test -timeout 40m "$@" ./...

say "tests of the local cluster's tools"
hack/progress.sh "compiling and testing" go -C hack/cluster test "$@" ./...

# The data plane is where requests meet each other and a reload. The race detector needs a C compiler and a build cache
# of its own, which is why the rest goes without.
say "tests of the data plane again, with the race detector"
command -v "${CC:-gcc}" >/dev/null || hack/apt.sh gcc libc6-dev
CGO_ENABLED=1 hack/progress.sh "compiling and testing" go test -race "$@" ./runtime/...
