#!/usr/bin/env bash
# Shows that every depguard rule of .golangci.yaml refuses what it is there for and lets pass what is needed: the linter
# runs on a tree of one-line packages, each at the path of a real one, with one import that is wrong or right there.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

linter=$PWD/bin/tools/golangci-lint
module=github.com/securedmcp/operator
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cases=0

suffix= # of the names of the files: _test for tests

# package FOLDER [IMPORT] writes a package at the path of a real one.
package() {
	local name=p$cases$suffix
	mkdir -p "$scratch/$1"
	{
		echo "package $(basename -- "$1")"
		[ -z "${2:-}" ] || echo "import _ \"$2\""
	} >"$scratch/$1/$name.go"
	echo "$1/$name.go"
}

declare -A want # file -> the rule that must refuse it, or "none"
refused() { cases=$((cases + 1)) && want[$(package "$2" "$3")]=$1; }
in_test() { suffix=_test && "$@" && suffix=; }
allowed() { cases=$((cases + 1)) && want[$(package "$1" "$2")]=none; }

# The packages of our own that the cases import.
for folder in api/v1alpha1 api/applyconfiguration api/client/versioned api/config/v1alpha1 controllers controllers/app controllers/render runtime/app runtime/leaf \
	cmd/securedmcp/authserver test/oauthtest; do
	package "$folder" >/dev/null
done

refused config-contract api/config/v1alpha1 github.com/google/jsonschema-go/jsonschema
refused config-contract api/config/v1alpha1 k8s.io/apimachinery/pkg/types
allowed api/config/v1alpha1 encoding/json
refused config-compile api/config/compile k8s.io/apimachinery/pkg/types
refused config-compile api/config/compile github.com/lestrrat-go/jwx/v2/jwt
allowed api/config/compile "$module/api/config/v1alpha1"
allowed api/config/compile github.com/google/jsonschema-go/jsonschema
allowed api/config/compile github.com/google/cel-go/cel
refused api-types api/v1alpha1 k8s.io/client-go/kubernetes
refused api-types api/v1alpha1 k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1
refused api-types api/v1alpha1 sigs.k8s.io/controller-runtime/pkg/scheme
allowed api/v1alpha1 k8s.io/apimachinery/pkg/apis/meta/v1
allowed api/v1alpha1 k8s.io/api/core/v1
for pure in controllers/render controllers/internal/desired; do
	refused pure-builders "$pure" context
	refused pure-builders "$pure" sigs.k8s.io/controller-runtime/pkg/client
	refused pure-builders "$pure" k8s.io/client-go/kubernetes
	refused pure-builders "$pure" "$module/api/client/versioned"
	allowed "$pure" "$module/api/v1alpha1"
	allowed "$pure" k8s.io/client-go/applyconfigurations/core/v1
done
for data_plane in runtime/app runtime/internal/authn cmd/runtime; do
	refused runtime "$data_plane" k8s.io/apimachinery/pkg/types
	refused runtime "$data_plane" sigs.k8s.io/yaml
	refused runtime "$data_plane" "$module/api/v1alpha1"
	refused runtime "$data_plane" "$module/api/applyconfiguration"
	refused runtime "$data_plane" "$module/api/client/versioned"
	refused runtime "$data_plane" "$module/controllers"
	refused runtime "$data_plane" "$module/controllers/render"
	refused runtime "$data_plane" "$module/test/oauthtest"
	refused runtime "$data_plane" github.com/spf13/cobra
	allowed "$data_plane" "$module/api/config/v1alpha1"
	allowed "$data_plane" github.com/modelcontextprotocol/go-sdk/mcp
	allowed "$data_plane" golang.org/x/sync/errgroup
	in_test refused runtime-tests "$data_plane" "$module/api/v1alpha1"
	in_test refused runtime-tests "$data_plane" "$module/controllers"
	in_test refused runtime-tests "$data_plane" k8s.io/apimachinery/pkg/types
	in_test allowed "$data_plane" "$module/test/oauthtest"
done
for control_plane in cmd/operator controllers controllers/app controllers/internal/issuerprobe; do
	refused control-plane "$control_plane" "$module/runtime/leaf"
	refused control-plane "$control_plane" "$module/test/oauthtest"
	refused control-plane "$control_plane" "$module/cmd/securedmcp/authserver"
	allowed "$control_plane" "$module/controllers/render"
	allowed "$control_plane" sigs.k8s.io/controller-runtime
	in_test allowed "$control_plane" "$module/runtime/leaf"
done
for command_line in cmd/securedmcp cmd/securedmcp/internal/serve; do
	refused command-line "$command_line" "$module/controllers"
	refused command-line "$command_line" "$module/controllers/app"
	refused command-line "$command_line" "$module/test/oauthtest"
	refused command-line "$command_line" k8s.io/client-go/rest
	refused command-line "$command_line" sigs.k8s.io/controller-runtime
	allowed "$command_line" "$module/controllers/render"
	allowed "$command_line" "$module/runtime/app"
	in_test allowed "$command_line" "$module/test/oauthtest"
done
for server in cmd/securedmcp/authserver test/oauthtest; do
	refused authorization-server "$server" k8s.io/apimachinery/pkg/types
	refused authorization-server "$server" sigs.k8s.io/yaml
	allowed "$server" github.com/lestrrat-go/jwx/v2/jwt
done

cp go.mod go.sum "$scratch"
(cd "$scratch" && "$linter" run --allow-serial-runners --config "$OLDPWD/.golangci.yaml" --enable-only depguard --issues-exit-code 0 \
	--output.text.path "$scratch/issues" --output.text.print-issued-lines=false --show-stats=false --uniq-by-line=false ./...)

wrong=0
for file in "${!want[@]}"; do
	found=$(sed -n "s|^.*$file:.* not allowed from list '\([^']*\)'.*|\1|p" "$scratch/issues" | sort -u)
	if [ "${found:-none}" != "${want[$file]}" ]; then
		wrong=1
		echo "depguard: $(dirname -- "$file") with $(grep -o '"[^"]*"' "$scratch/$file"): want rule ${want[$file]}, got ${found:-none}" >&2
	fi
done
[ "$wrong" = 0 ] || exit 1
for rule in $(sed -n '/^    depguard:$/,/^    [a-z]/s/^        \([a-z-]*\):$/\1/p' .golangci.yaml); do
	if [[ " ${want[*]} " != *" $rule "* ]]; then
		echo "depguard: no case shows that rule $rule refuses anything" >&2
		exit 1
	fi
done
echo "every depguard rule refuses what it should: $cases cases"
