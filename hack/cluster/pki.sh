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
	openssl req -x509 -new -key "$1.key" -subj "/CN=securedmcp-test-$1" -days 365 -out "$1.crt" \
		-addext 'keyUsage=critical,digitalSignature,keyCertSign,cRLSign' -addext 'basicConstraints=critical,CA:TRUE'
}

certificate() { # NAME SUBJECT AUTHORITY USAGE [SUBJECT_ALT_NAMES]
	key "$1"
	openssl req -new -key "$1.key" -subj "$2" | openssl x509 -req -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 365 -out "$1.crt" \
		-extfile <(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n%s\n' "$4" "${5:+subjectAltName=$5}")
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
