#!/usr/bin/env bash
# Checks the running cluster from end to end: image -> Deployment -> Service -> DNS -> Ingress with TLS, and Pod Security.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

passed=0
tmp=$(mktemp -d)
trap 'delete_namespace --wait=false || true; rm -rf "$tmp"' EXIT

delete_namespace() { kubectl --request-timeout=0 delete namespace smoke --ignore-not-found "$@" >/dev/null 2>&1; }

check() { # NAME COMMAND...
	local name=$1
	shift
	if ! "$@" >"$tmp/out" 2>&1; then
		cat "$tmp/out" >&2
		fail "$name"
	fi
	passed=$((passed + 1))
	say "ok: $name"
}

main() {
	require_root
	node_pid >/dev/null || fail "no cluster is running; start it with hack/cluster/up.sh"
	load_image
	delete_namespace --timeout=180s # of an earlier run
	kubectl apply --server-side --filename "$here/smoke/smoke.yaml" >/dev/null
	check "two replicas become ready" kubectl --request-timeout=0 --namespace smoke rollout status deployment/smoke --timeout=180s
	check "the Ingress gets the node's address" wait_for 60 has_address
	check "without its Secret, TLS is served with the fallback certificate" wait_for 60 fallback_served
	make_secret
	check "with its Secret, TLS verifies" wait_for 60 https --output /dev/null https://smoke.example.com/
	check "http is redirected to https" redirects
	check "forwarded headers are the proxy's, not the client's" headers
	check "an event stream is not held back" streams
	check "an unknown host is not found" unknown_host
	check "Service names resolve in a pod" looks_up kubernetes.default.svc 10.96.0.1
	check "short Service names resolve in a pod" looks_up smoke 10.96.
	check "names under example.com are the node in a pod" looks_up auth.example.com "$node_ip"
	check "a Service is reached from the machine" service_reached
	check "pods reach pods through a Service" pods_reach_pods
	check "a pod reaches the Ingress by its public name" pod_fetches https://smoke.example.com/ "certificate signed by unknown authority"
	check "logs come from the kubelet" kubectl --namespace smoke logs deployment/smoke
	check "exec runs in a pod" kubectl --namespace smoke exec deployment/smoke -- /smoke -version
	check "Pod Security refuses a privileged pod" privileged_refused
	say "$passed passed, 0 failed"
}

load_image() {
	cd "$here"
	export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOWORK=off
	go build -trimpath -ldflags '-s -w' -o "$tmp/smoke" ./smoke
	go run -trimpath ./mkimage -o "$tmp/smoke.tar" -tag registry.local/smoke:1 -user 65532:65532 -entrypoint /smoke "$tmp/smoke=/smoke"
	"$here/load-images.sh" "$tmp/smoke.tar" >/dev/null
}

make_secret() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=smoke -addext subjectAltName=DNS:smoke.example.com \
		-keyout "$tmp/tls.key" -out "$tmp/tls.crt" 2>/dev/null
	kubectl --namespace smoke create secret tls smoke-tls --cert "$tmp/tls.crt" --key "$tmp/tls.key" >/dev/null
}

fetch() {
	curl --silent --show-error --fail --max-time 10 --noproxy '*' \
		--resolve "smoke.example.com:443:$node_ip" --resolve "smoke.example.com:80:$node_ip" "$@"
}
https() { fetch --cacert "$tmp/tls.crt" "$@"; }

has_address() {
	[ "$(kubectl --namespace smoke get ingress smoke --output 'jsonpath={.status.loadBalancer.ingress[0].ip}')" = "$node_ip" ]
}
fallback_served() {
	[[ "$(fetch --insecure --verbose --output /dev/null https://smoke.example.com/ 2>&1)" == *'Fake Certificate'* ]]
}
redirects() {
	[ "$(fetch --output /dev/null --write-out '%{http_code} %{redirect_url}' http://smoke.example.com/a?b=c)" = "308 https://smoke.example.com/a?b=c" ]
}
headers() {
	https --header 'X-Forwarded-For: 6.6.6.6' --header 'X-Forwarded-Host: evil.example' https://smoke.example.com/x | tee "$tmp/headers"
	grep -q "\"X-Forwarded-For\":\[\"$host_ip\"\]" "$tmp/headers" && grep -q '"X-Forwarded-Host":\["smoke.example.com"\]' "$tmp/headers" &&
		grep -q '"X-Forwarded-Proto":\["https"\]' "$tmp/headers" && grep -q '"host":"smoke.example.com"' "$tmp/headers"
}
streams() {
	local first
	read -r first < <(https --no-buffer --max-time 30 https://smoke.example.com/stream 2>/dev/null || true)
	[ "$first" = "data: 0" ]
}
unknown_host() {
	[ "$(curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' --header 'Host: other.example.com' "http://$node_ip/")" = 404 ]
}
looks_up() { https "https://smoke.example.com/lookup?name=$1" | grep -F "$2"; }
# The pod trusts no authority of ours: a certificate error proves that it got as far as TLS.
pod_fetches() { https "https://smoke.example.com/fetch?url=$1" | grep -F "$2"; }
# The Service picks one of both pods: ten times, so that the caller's neighbour is among them.
pods_reach_pods() {
	for _ in {1..10}; do
		pod_fetches http://smoke.smoke.svc/ "200 OK" || return
	done
}
service_reached() {
	fetch "http://$(kubectl --namespace smoke get service smoke --output 'jsonpath={.spec.clusterIP}')/"
}
privileged_refused() {
	! kubectl --namespace smoke run bad --image registry.local/smoke:1 --privileged >"$tmp/refused" 2>&1 && grep -q PodSecurity "$tmp/refused"
}

main
