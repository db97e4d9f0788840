#!/usr/bin/env bash
# Saves the data of the running cluster, and sets it back, as after the loss of a control plane's disks:
#   etcd-snapshot.sh save FILE     takes a snapshot; etcd stands still meanwhile
#   etcd-snapshot.sh restore FILE  the cluster goes on from there, with the nodes and what runs on them as it is now
# Revisions go on far above those of before, so that whoever watches is told to read all again, as Kubernetes asks of who
# restores etcd without starting every component anew.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

data=$state/etcd
revisions=1000000000 # more than the cluster has made since the snapshot

save() { # FILE
	signal STOP etcd
	cp "$data/member/snap/db" "$1"
}

restore() { # FILE
	signal STOP kube-apiserver
	signal STOP etcd
	rm -rf "$data.restored"
	"$state/bin/etcdutl" snapshot restore "$1" --skip-hash-check --data-dir "$data.restored" --name node1 \
		--initial-cluster node1=http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
		--bump-revision "$revisions" --mark-compacted >"$state/log/etcdutl.log" 2>&1 ||
		{ tail -n 5 "$state/log/etcdutl.log" >&2 && fail "etcdutl cannot restore $1"; }
	rm -rf "$data/member"
	mv "$data.restored/member" "$data/member"
	rmdir "$data.restored"
	restart etcd
	restart kube-apiserver
	wait_for 120 kubectl get --raw /readyz || fail "the API server is not ready; its log is $state/log/kube-apiserver.log"
}

signal() { in_node pkill "-$1" --exact "$2"; } # SIGNAL COMPONENT

restart() { # COMPONENT
	local mark=$state/log/restart-$1
	touch "$mark"
	signal KILL "$1"
	wait_for 120 test ! -e "$mark" || fail "nobody has started $1 again"
}

go_on() { for component in etcd kube-apiserver; do signal CONT "$component" || true; done; }

require_root
[ "$#" = 2 ] || fail "usage: etcd-snapshot.sh save|restore FILE"
case $1 in
save | restore)
	trap go_on EXIT
	"$1" "$2"
	;;
*) fail "usage: etcd-snapshot.sh save|restore FILE" ;;
esac
