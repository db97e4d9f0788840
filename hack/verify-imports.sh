#!/usr/bin/env bash
# Checks whole import graphs, where depguard (.golangci.yaml) sees one import at a time: a program must not link what
# none of its own files names.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

module=github.com/securedmcp/operator
wrong=0

# graph PACKAGE... prints the import paths of all that the packages need, the standard library left out.
graph() { go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' "$@"; }

# never PACKAGE PATTERN WHY: nothing that PACKAGE needs has an import path that matches PATTERN.
never() {
	local found
	found=$(graph "$1")
	report "$1" "$(grep -E -- "$2" <<<"$found" || true)" "$3"
}

# only PACKAGE PATTERN WHY: PACKAGE needs itself, the standard library, and what matches PATTERN.
only() {
	local found
	found=$(graph "$1")
	report "$1" "$(grep -v -E -- "^$module/${1#./}$|$2" <<<"$found" || true)" "$3"
}

# shipped PACKAGE: nothing that is there for tests is in the program.
shipped() {
	local found
	found=$(go list -deps "$1")
	report "$1" "$(grep -E -- "^(testing|net/http/httptest)(/|$)|^$module/(test|hack)/|/envtest(/|$)" <<<"$found" || true)" "nothing that is there for tests"
}

report() {
	if [ -z "$2" ]; then
		echo "ok: $1: $3"
		return
	fi
	wrong=1
	printf 'wrong: %s: %s, but it needs\n' "$1" "$3" >&2
	sed 's/^/  /' <<<"$2" >&2
}

never ./cmd/runtime "^(k8s\.io|sigs\.k8s\.io)/" "no Kubernetes code in the runtime"
never ./cmd/runtime "^$module/(controllers|api/v1alpha1|api/applyconfiguration|api/client)(/|$)" "nothing of the control plane in the runtime"
never ./cmd/operator "^$module/runtime(/|$)" "nothing of the data plane in the operator"
only ./api/config/v1alpha1 '^$' "standard library only"
only ./api/config/compile "^($module/api/config/v1alpha1$|github\.com/google/(jsonschema-go|cel-go)/|cel\.dev/expr|github\.com/antlr4-go/|golang\.org/x/(exp|text)/|google\.golang\.org/(protobuf|genproto)/|go\.yaml\.in/yaml/)" \
	"the contract and the parsers of what it holds"
# Apply configurations bring client-go's REST machinery along; a client built on it is what must not be there.
for pure in ./controllers/render ./controllers/internal/desired; do
	never "$pure" "^(sigs\.k8s\.io/controller-runtime|k8s\.io/client-go/(dynamic|kubernetes/typed))(/|$)|^k8s\.io/client-go/kubernetes$" "no client"
done
never ./cmd/securedmcp "^(sigs\.k8s\.io/controller-runtime|k8s\.io/client-go)(/|$)" "no Kubernetes client in the command line"
never ./cmd/securedmcp "^$module/controllers(/app)?$" "no reconciler in the command line"
never ./cmd/securedmcp/authserver "^(k8s\.io|sigs\.k8s\.io)/" "no Kubernetes code in the development authorization server"
for program in ./cmd/operator ./cmd/runtime ./cmd/securedmcp; do
	shipped "$program"
done
exit "$wrong"
