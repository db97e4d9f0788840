#!/bin/bash
# The first process of the node: it runs in mount, network, uts, ipc and pid namespaces of its own, which up.sh made, and
# makes that of cgroups itself. When it ends, the kernel ends every process, mount and interface of the node with it.
#
# Here /run/cluster is the state folder, whatever its path on the machine.
set -euo pipefail
node_ip=$1 gateway=$2
pki=/run/cluster/pki conf=/run/cluster/conf log=/var/log
export PATH=/run/cluster/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run/home KUBECONFIG=$pki/admin.kubeconfig
declare -A component # by pid
declare -A command   # by component

# Nothing that the node writes in /run, /var/lib and /var/log may reach the machine's own folders.
own_folders() {
	mount --make-rshared / # within this namespace: kubelet hands mounts on to containers
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/cluster /run/netns "$HOME"
	mount --bind "$CLUSTER_STATE" /run/cluster
	mkdir -p /run/cluster/{log,etcd,kubelet,containerd}
	mount --bind /run/cluster/log /var/log
	mount -t tmpfs -o mode=755 tmpfs /var/lib
	local d
	for d in etcd kubelet containerd; do
		mkdir "/var/lib/$d"
		mount --bind "/run/cluster/$d" "/var/lib/$d"
	done
}

# own_cgroup makes the node's cgroup the root for all inside: it goes there, and begins again in a namespace of its own.
own_cgroup() {
	local hierarchy
	[ -z "${CLUSTER_ROOTED:-}" ] || return 0
	while read -r hierarchy; do
		echo $$ >"$hierarchy/$CLUSTER_CGROUP/cgroup.procs"
	done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts)
	exec env CLUSTER_ROOTED=yes unshare --cgroup -- /bin/bash "$0" "$@"
}

# /sys shows the node's own network and cgroups.
own_sys() {
	local hierarchies options path
	hierarchies=$(awk '$3 == "cgroup" || $3 == "cgroup2" { print $3, $2, $4 }' /proc/self/mounts)
	umount --recursive --lazy /sys
	mount -t sysfs sysfs /sys
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
	while read -r type path options; do
		mkdir -p "$path"
		# Of the options only the controllers' names and the hierarchy's name say which one it is.
		options=$(tr , '\n' <<<"$options" | grep -E '^(name=.*|cpu|cpuacct|cpuset|memory|devices|freezer|blkio|pids|net_cls|net_prio|perf_event|hugetlb|rdma|misc)$' | paste -sd, || true)
		mount -t "$type" ${options:+-o "$options"} cgroup "$path"
	done <<<"$hierarchies"
}

# hand_on_controllers lets the cgroups of pods have the controllers. Version 2 does so only where no process is: the
# node's own move to a cgroup beside those of the pods.
hand_on_controllers() {
	local root=/sys/fs/cgroup
	[ -e $root/cgroup.controllers ] || return 0 # version 1, which has them everywhere
	mkdir $root/node
	echo $$ >$root/node/cgroup.procs
	sed 's/[a-z_]\+/+&/g' $root/cgroup.controllers >$root/cgroup.subtree_control
}

# kubelet wants these settings, which are the whole machine's. It gets to see files that hold them instead.
shadow_sysctls() {
	local name value
	while read -r name value; do
		echo "$value" >"/run/${name//\//.}"
		mount --bind "/run/${name//\//.}" "/proc/sys/$name"
	done <<-EOF
		vm/overcommit_memory 1
		vm/panic_on_oom 0
		kernel/panic 10
		kernel/panic_on_oops 1
		kernel/keys/root_maxkeys 1000000
		kernel/keys/root_maxbytes 25000000
	EOF
}

network() {
	hostname node1
	ip link set lo up
	within 120 ip link show eth0 # up.sh moves it in
	ip addr add "$node_ip/30" dev eth0
	ip link set eth0 up
	ip route add default via "$gateway"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	# Without it a pod that reaches a pod on the same bridge through a Service gets answers from the wrong address.
	[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
	local resolv
	resolv=$(readlink -f /etc/resolv.conf)
	case $resolv in /run/*) install -D /dev/null "$resolv" ;; esac
	mount --bind "$conf/resolv.conf" "$resolv"
}

within() { # SECONDS COMMAND...
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "${EPOCHREALTIME/./}" -gt "$deadline" ]; then
			echo "gave up waiting for: $*"
			"$@"
			exit 1
		fi
		sleep 0.05
	done
}

start() { # COMPONENT [ARG...]
	echo "$EPOCHREALTIME start $1"
	command[$1]=$(printf '%q ' "$@")
	"$@" >>"$log/$1.log" 2>&1 &
	component[$!]=$1
}

# start_again starts a component as it was started before.
start_again() { # COMPONENT
	eval "start ${command[$1]}"
}

control_plane() {
	start etcd --data-dir=/var/lib/etcd --name=node1 --unsafe-no-fsync --log-level=warn \
		--listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
		--listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
		--initial-cluster=node1=http://127.0.0.1:2380 --listen-metrics-urls="http://$node_ip:2381"
	start containerd --config "$conf/containerd.toml"
	start kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="$node_ip" --secure-port=6443 \
		--service-cluster-ip-range=10.96.0.0/16 --allow-privileged --authorization-mode=Node,RBAC \
		--enable-admission-plugins=NodeRestriction --client-ca-file=$pki/ca.crt \
		--tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key \
		--kubelet-certificate-authority=$pki/ca.crt --kubelet-preferred-address-types=InternalIP \
		--kubelet-client-certificate=$pki/apiserver-kubelet-client.crt --kubelet-client-key=$pki/apiserver-kubelet-client.key \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file=$pki/sa.pub --service-account-signing-key-file=$pki/sa.key \
		--requestheader-client-ca-file=$pki/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client \
		--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
		--requestheader-extra-headers-prefix=X-Remote-Extra- \
		--proxy-client-cert-file=$pki/front-proxy-client.crt --proxy-client-key-file=$pki/front-proxy-client.key
	within 120 kubectl get --raw /readyz
	start kube-controller-manager --kubeconfig=$pki/controller-manager.kubeconfig \
		--authentication-kubeconfig=$pki/controller-manager.kubeconfig --authorization-kubeconfig=$pki/controller-manager.kubeconfig \
		--bind-address="$node_ip" --leader-elect=false --use-service-account-credentials \
		--service-account-private-key-file=$pki/sa.key --root-ca-file=$pki/ca.crt \
		--cluster-signing-cert-file=$pki/ca.crt --cluster-signing-key-file=$pki/ca.key \
		--allocate-node-cidrs --cluster-cidr=10.244.0.0/16 --service-cluster-ip-range=10.96.0.0/16
	start kube-scheduler --kubeconfig=$pki/scheduler.kubeconfig --authentication-kubeconfig=$pki/scheduler.kubeconfig \
		--authorization-kubeconfig=$pki/scheduler.kubeconfig --bind-address="$node_ip" --leader-elect=false
}

node() {
	within 120 ctr version
	ctr --namespace k8s.io images import /run/cluster/pause.tar
	start kubelet --config=$conf/kubelet.yaml --kubeconfig=$pki/kubelet.kubeconfig --hostname-override=node1 --node-ip="$node_ip"
	start kube-proxy --config=$conf/kube-proxy.yaml
}

# DNS and Ingress are processes of the node: no image to build, and they are there before the first pod.
services() {
	within 120 kubectl apply --server-side --filename=$conf/system.yaml
	start coredns -conf $conf/Corefile
	start ingress-nginx -kubeconfig $pki/ingress-nginx.kubeconfig -address "$node_ip" -health "$node_ip:10254"
}

# supervise reaps all, orphans of the pid namespace included; a component that ends is told to up.sh.
# One that restart-apiserver.sh has killed is started again.
supervise() {
	local pid status name
	while :; do
		status=0
		wait -n -p pid || status=$?
		if [ -n "${pid:-}" ] && [ -n "${component[$pid]:-}" ]; then
			name=${component[$pid]}
			echo "$EPOCHREALTIME $name ended with status $status"
			unset "component[$pid]"
			if [ -e "$log/restart-$name" ]; then
				start_again "$name"
				rm -f "$log/restart-$name"
			else
				echo "$name" >>$log/ended
			fi
		fi
		[ "${#component[@]}" -gt 0 ] || exit 1
	done
}

own_cgroup "$@"
own_folders
own_sys
hand_on_controllers
shadow_sysctls
network
control_plane
node
services
supervise
