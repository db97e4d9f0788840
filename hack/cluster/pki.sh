#!/usr/bin/env bash
# pki.sh DIR NODE_IP: a new certificate authority, the certificates of every component, and their kubeconfigs, in DIR.
set -euo pipefail
umask 077
dir=$1 ip=$2
mkdir -p "$dir"
cd "$dir"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

authority() { # NAME
	key "$1"
	openssl req -new -key "$1.key" -subj "/CN=securedmcp-test-$1" |
		sign "$1" "$(printf 'keyUsage=critical,digitalSignature,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE')" -selfsign
}

certificate() { # NAME SUBJECT AUTHORITY USAGE [SUBJECT_ALT_NAMES]
	key "$1"
	openssl req -new -key "$1.key" -subj "$2" |
		sign "$1" "$(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n%s' "$4" "${5:+subjectAltName=$5}")" -cert "$3.crt" -keyfile "$3.key"
}

# sign makes a certificate of the request that it reads. It is valid since yesterday: a clock that is behind is no reason for
# a component not to trust another.
sign() { # NAME EXTENSIONS HOW...
	local name=$1 extensions=$2
	shift 2
	[ "$1" != -selfsign ] || set -- "$@" -keyfile "$name.key"
	openssl ca -config authority.conf -batch -notext -preserveDN -in /dev/stdin -out "$name.crt" \
		-startdate "$(date -u -d yesterday +%y%m%d%H%M%SZ)" -days 365 -extfile <(echo "$extensions") "$@"
}

# authority_conf is what "openssl ca" cannot be told otherwise.
authority_conf() {
	mkdir issued
	touch issued/index.txt
	cat >authority.conf <<-'EOF'
		[ca]
		default_ca = here
		[here]
		database = issued/index.txt
		new_certs_dir = issued
		rand_serial = yes
		unique_subject = no
		default_md = sha256
		policy = any
		[any]
		organizationName = optional
		commonName = supplied
	EOF
}

# Certificates are embedded: the admin's kubeconfig may be copied anywhere.
kubeconfig() { # NAME
	cat >"$1.kubeconfig" <<EOF
apiVersion: v1
kind: Config
clusters:
- name: securedmcp
  cluster: {server: "https://$ip:6443", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts:
- name: securedmcp
  context: {cluster: securedmcp, user: $1}
current-context: securedmcp
EOF
}

client() { # NAME SUBJECT
	certificate "$1" "$2" ca clientAuth
	kubeconfig "$1"
}

main() {
	authority_conf
	authority ca
	authority front-proxy-ca
	openssl genrsa -out sa.key 2048
	openssl rsa -in sa.key -pubout -out sa.pub
	certificate apiserver /CN=kube-apiserver ca serverAuth \
		"DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:$ip"
	certificate kubelet-serving /CN=node1 ca serverAuth "DNS:node1,IP:$ip"
	certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client ca clientAuth
	certificate front-proxy-client /CN=front-proxy-client front-proxy-ca clientAuth
	client admin /O=system:masters/CN=admin
	client controller-manager /CN=system:kube-controller-manager
	client scheduler /CN=system:kube-scheduler
	client proxy /CN=system:kube-proxy
	client kubelet /O=system:nodes/CN=system:node:node1
	client coredns /CN=system:coredns
	client ingress-nginx /CN=system:ingress-nginx
}

main 2>openssl.log || { cat openssl.log >&2 && exit 1; }
