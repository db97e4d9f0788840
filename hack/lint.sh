#!/usr/bin/env bash
# Lints Go (golangci-lint with the kube-api-linter inside), shell, and the import rules' own rules. Called by "make lint".
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

linter=$PWD/bin/tools/golangci-lint

say() { printf '\n-- %s\n' "$*"; }

say "import rules"
hack/verify-depguard.sh

say "Go: the operator, the runtime and the command line"
hack/progress.sh linting "$linter" run --allow-serial-runners ./...

# Programs that embed Kubernetes or cert-manager are left out: the linters would analyze all of those for a screen of our
# own code. go vet is content with what the compiler knows of them.
say "Go: cert-manager for the local cluster"
hack/progress.sh vetting go -C hack/certmanager vet ./...

say "Go: the local cluster's tools"
cd hack/cluster
mapfile -t packages < <(go list -f '{{.Dir}}' ./... | grep -v '/kube$' | sed "s|^$PWD|.|")
../progress.sh linting "$linter" run --allow-serial-runners --config ../../.golangci.yaml "${packages[@]}"
cd ../..

say "shell"
hack/apt.sh shellcheck
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
shellcheck --external-sources --severity=warning "${scripts[@]}"
echo "${#scripts[@]} scripts"
