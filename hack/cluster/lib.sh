# Sourced by the scripts beside it: the names they share, and how a cluster is found and removed.
# shellcheck shell=bash disable=SC2034 # used by who sources this

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
bin=$root/bin/k8s

# The machine holds one cluster at a time, whichever clone of the project started it.
state=${CLUSTER_STATE:-/var/lib/securedmcp-cluster}
marker=.securedmcp-cluster # says that a folder is ours to delete

host_ip=172.31.250.1
node_ip=172.31.250.2
link=smcp0 # the machine's end of the veth pair
service_cidr=10.96.0.0/16
pod_cidr=10.244.0.0/16

# Every process that we start for the cluster is in this cgroup, and so is every process that it starts: the kernel
# keeps the list of what is ours, and no deleted, stale or reused pid file can make us kill anything else.
cgroup=securedmcp-cluster

say() { printf '%s\n' "$*"; }
fail() {
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

require_root() { [ "$(id -u)" = 0 ] || fail "must run as root: it makes namespaces, cgroups and network links"; }

# controllers are what a kubelet needs to run pods.
controllers=(cpu cpuset memory pids)

# require_cgroups wants version 1, alone or beside version 2, or a version 2 that can hand out the controllers.
require_cgroups() {
	local root name missing=()
	root=$(unified) || return 0
	for name in "${controllers[@]}"; do
		grep -qw "$name" "$root/cgroup.controllers" || missing+=("$name")
	done
	[ "${#missing[@]}" = 0 ] || fail "the control groups of this machine cannot limit ${missing[*]}, which a Kubernetes node needs" \
		"($root/cgroup.controllers); with DEMO_KUBECONFIG=FILE make demo plays on a cluster that you have"
}

# unified is the root of version 2 where it is the only one; false where version 1 is mounted.
unified() { awk '$3 == "cgroup" { v1 = 1 } $3 == "cgroup2" { root = $2 } END { if (v1 || root == "") exit 1; print root }' /proc/self/mounts; }

# hierarchies lists the mounted cgroup hierarchies: version 1 has one for each controller, version 2 is one.
hierarchies() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts; }

# wait_for SECONDS COMMAND... polls until the command succeeds; false if it does not within the time.
wait_for() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

# lock makes up and down take turns. The lock is on the folder that holds the state, since the state itself comes and
# goes; it is held by file descriptor 9, which the cluster's processes must not inherit.
lock() {
	exec 9<"$(dirname -- "$state")"
	if ! flock --nonblock 9; then
		say "waiting for another up.sh or down.sh to end"
		flock --timeout 300 9 || fail "another up.sh or down.sh has held the lock for 300 s"
	fi
}

# members lists the processes of the cluster, as numbered on the machine.
members() {
	local h
	for h in $(hierarchies); do
		[ -d "$h/$cgroup" ] || continue
		find "$h/$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null || true
	done | sort -un
}

# node_pid is the init process of the node: the member that is number 1 in a pid namespace just below the machine's.
node_pid() {
	local pid
	for pid in $(members); do
		if grep -qE '^NSpid:\s+[0-9]+\s+1$' "/proc/$pid/status" 2>/dev/null; then
			echo "$pid"
			return
		fi
	done
	return 1
}

# in_node COMMAND... runs a command inside the node's namespaces.
in_node() {
	local pid
	pid=$(node_pid) || fail "no cluster is running; start it with hack/cluster/up.sh"
	nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup -- "$@" 9>&-
}

# Its cache of API discovery is put with the state: it is of no use to the next cluster.
kubectl() { KUBECACHEDIR=$state/cache "$state/bin/kubectl" --kubeconfig "$state/kubeconfig" --request-timeout=10s "$@" 9>&-; }

# --- removing -----------------------------------------------------------------------------------------------------

# leftovers prints a line for each trace of a cluster on this machine; nothing if there is none.
leftovers() {
	local pid h folder
	for pid in $(members); do
		say "process $pid ($(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | cut -c1-60))"
	done
	for h in $(hierarchies); do
		[ ! -d "$h/$cgroup" ] || say "cgroup $h/$cgroup"
	done
	[ ! -e "/sys/class/net/$link" ] || say "network link $link"
	ip -4 route show dev "$link" 2>/dev/null | sed 's/^/route /' || true
	for folder in $(state_folders); do
		awk -v s="$folder" 'index($5, s "/") == 1 { print "mount " $5 }' /proc/self/mountinfo
		[ ! -e "$folder" ] || say "folder $folder"
	done
}

# state_folders is our state folder, and that of a running cluster which was started with another CLUSTER_STATE.
state_folders() {
	local pid
	{
		echo "$state"
		if pid=$(node_pid); then
			tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^CLUSTER_STATE=//p' || true
		fi
	} | sort -u
}

# check_state refuses a folder that holds something else than a cluster's state: it would be deleted.
check_state() {
	case $1 in
	/*/*) ;;
	*) fail "CLUSTER_STATE must be an absolute path below a folder, not '$1'" ;;
	esac
	[ ! -e "$1" ] || [ -e "$1/$marker" ] || [ -z "$(ls -A "$1")" ] ||
		fail "$1 is not a cluster's state (it has no $marker): set CLUSTER_STATE to another folder"
}

# remove ends the cluster and removes its traces, whatever is left of it. It may be called at any time.
remove() {
	local folder folders
	folders=$(state_folders) # asked before the process that knows is gone
	for folder in $folders; do check_state "$folder"; done
	wait_for 60 kill_members || true # what lives on shows in leftovers
	ip link delete "$link" 2>/dev/null || true # takes its routes along
	wait_for 60 remove_cgroups || true
	for folder in $folders; do remove_folder "$folder"; done
}

kill_members() {
	local pid pids
	pids=$(members)
	[ -n "$pids" ] || return 0
	# Killing the node's init makes the kernel kill all of its pid namespace.
	for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
	return 1
}

remove_cgroups() {
	local h left=0
	for h in $(hierarchies); do
		[ -d "$h/$cgroup" ] || continue
		find "$h/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
	done
	return "$left"
}

remove_folder() {
	local m
	[ -e "$1" ] || return 0
	# The node's mounts went with its namespace; these would be somebody's own, and rm must not go through them.
	awk -v s="$1/" 'index($5, s) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do umount "$m"; done
	# The marker goes last: an interrupted rm leaves a folder that is still known to be ours.
	find "$1" -mindepth 1 -maxdepth 1 ! -name "$marker" -exec rm -rf {} +
	rm -rf -- "$1"
}
