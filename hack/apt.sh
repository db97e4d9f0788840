#!/usr/bin/env bash
# Installs the Debian packages that are missing: apt.sh PACKAGE...
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
apt-get -o DPkg::Lock::Timeout=300 -q update >/dev/null
apt-get -o DPkg::Lock::Timeout=300 -q install --yes --no-install-recommends "${missing[@]}" >/dev/null
