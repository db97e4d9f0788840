# shellcheck shell=bash
# Functions for scripts that run packages of npm. To be sourced.

# npm_install NAME SOURCE prints the folder that holds what SOURCE/package-lock.json names. It is kept under bin/npm, by
# the lock file's hash, and nothing of it runs when it is installed.
npm_install() {
	local name=$1 source=$2 cache=$PWD/bin/npm folder
	folder=$cache/$name-$(sha256sum "$source/package-lock.json" | cut -c1-16)
	if [ ! -e "$folder/installed" ]; then
		command -v npm >/dev/null || hack/apt.sh npm >&2
		printf '\n-- installing %s with npm (half a minute the first time)\n' "$name" >&2
		rm -rf -- "$cache/$name"-*
		mkdir -p -- "$folder"
		cp -- "$source/package.json" "$source/package-lock.json" "$folder"
		(cd -- "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
		touch "$folder/installed"
	fi
	printf '%s\n' "$folder"
}

# npm_node FOLDER prints the Node.js that was installed there, or the machine's on other kinds of machine.
npm_node() {
	local pinned
	for pinned in "$1"/node_modules/node-linux-*/bin/node; do
		[ -x "$pinned" ] && printf '%s\n' "$pinned" && return
	done
	command -v node
}
