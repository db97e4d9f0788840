#!/usr/bin/env bash
# Installs the Debian packages that are missing, without starting their services: apt.sh PACKAGE...
set -euo pipefail

missing=()
for package in "$@"; do
	[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing: ${missing[*]}; install them, or run this as root on Debian" >&2
	exit 1
fi
echo "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Tests and the local cluster start nginx, Redis and the like themselves.
policy=/usr/sbin/policy-rc.d
mark="# written by SecuredMCP" # as hack/cluster/up.sh marks its own
! grep -qsxF "$mark" "$policy" || rm -f "$policy" # an earlier run was killed
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
	chmod +x "$policy"
fi
apt-get -o DPkg::Lock::Timeout=300 -q update >/dev/null
apt-get -o DPkg::Lock::Timeout=300 -q install --yes --no-install-recommends "${missing[@]}" >/dev/null
