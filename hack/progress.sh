#!/usr/bin/env bash
# Runs a command and passes its output on; when it has been quiet for a while, says that it is still at work:
# progress.sh WHAT COMMAND [ARG...]
set -uo pipefail

what=$1
shift
quiet=${PROGRESS_SECONDS:-30}
start=$SECONDS

relay() {
	local line status
	while true; do
		IFS= read -r -t "$quiet" line
		status=$?
		if [ "$status" = 0 ]; then
			printf '%s\n' "$line"
		elif [ "$status" -gt 128 ]; then # nothing came in time; what has come of a line is shown now
			printf '%s... still at work on %s (%d s)\n' "${line:+$line }" "$what" $((SECONDS - start))
		else
			[ -z "$line" ] || printf '%s\n' "$line"
			return
		fi
	done
}

"$@" 2>&1 </dev/null | relay
exit "${PIPESTATUS[0]}"
