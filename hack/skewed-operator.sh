#!/usr/bin/env bash
# Builds images of the operator with a clock that is wrong, for the end-to-end tests, into dist/e2e: operator-ahead.tar and
# operator-behind.tar, an hour each. A container has the clock of its machine, so these have a package time that adds
# CLOCK_SKEW_SECONDS of the image's environment to the time of day, and nothing else that differs.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

authorities=/etc/ssl/certs/ca-certificates.crt
out=$PWD/dist/e2e
hour=3600
image=${IMAGE_REGISTRY:-ghcr.io/securedmcp}/operator
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath"

# overlay writes a package time that differs in what Now reads. Go takes no folder for the project's whose name begins with _.
overlay() {
	local source time=$out/_time
	source=$(go env GOROOT)/src/time
	mkdir -p "$time"
	sed 's|^\tsec, nsec, mono := runtimeNow()$|&\n\tsec += skewSeconds|' "$source/time.go" >"$time/time.go"
	[ "$(grep -c 'sec += skewSeconds' "$time/time.go")" = 1 ] || {
		echo "time.Now of $(go env GOVERSION) is not written as $0 expects" >&2
		exit 1
	}
	cat >"$time/skew.go" <<-'EOF'
		package time

		import "syscall"

		var skewSeconds = func() int64 {
			value, _ := syscall.Getenv("CLOCK_SKEW_SECONDS")
			seconds, err := atoi(value)
			if err != nil {
				panic("CLOCK_SKEW_SECONDS is not a number: " + value)
			}
			return int64(seconds)
		}()
	EOF
	printf '{"Replace": {"%s/time.go": "%s/time.go", "%s/skew.go": "%s/skew.go"}}\n' "$source" "$time" "$source" "$time" >"$time/overlay.json"
}

pack() { # NAME SECONDS
	go -C hack/cluster run ./mkimage -o "$out/operator-$1.tar" -tag "$image:$1" -user 65532:65532 -entrypoint /operator \
		-env "CLOCK_SKEW_SECONDS=$2" "$out/operator=/operator" "$authorities=$authorities"
}

mkdir -p "$out"
overlay
hack/progress.sh "compiling an operator whose clock is wrong" \
	go build -overlay "$out/_time/overlay.json" -ldflags "-s -w" -o "$out/operator" ./cmd/operator
pack ahead "$hour"
pack behind "-$hour"
