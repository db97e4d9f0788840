// Kube is every Kubernetes component, etcd, CoreDNS and helm in one program.
//
// One program is linked once (about a minute) and stored once (about 200 MB); nine would be nine times that.
// The component is chosen by the name the program is called by, or by the first argument: "kube kubectl get pods".
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJob time zones, on machines without the database

	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client-go metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // build_info metric
)

// applets run with os.Args already cut to "name args..." and return the exit code.
var applets = map[string]func() int{
	"coredns":                 coreDNS,
	"etcd":                    etcd,
	"etcdutl":                 etcdUtl,
	"helm":                    helm,
	"ingress-nginx":           ingressNginx,
	"kube-apiserver":          apiServer,
	"kube-controller-manager": controllerManager,
	"kube-proxy":              proxy,
	"kube-scheduler":          scheduler,
	"kubectl":                 kubectl,
	"kubelet":                 kubelet,
}

func main() {
	run, ok := applets[filepath.Base(os.Args[0])]
	if !ok && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		run, ok = applets[os.Args[0]]
	}
	if !ok {
		names := slices.Sorted(maps.Keys(applets))
		fmt.Fprintf(os.Stderr, "usage: kube COMPONENT [args...], or call it by the component's name\ncomponents: %s\n", strings.Join(names, " "))
		os.Exit(2)
	}
	if filepath.Base(os.Args[0]) != "coredns" {
		dropCoreDNSFlags()
	}
	os.Exit(run())
}
