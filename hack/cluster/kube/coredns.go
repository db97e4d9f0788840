package main

import (
	"flag"
	"os"
	"slices"

	"github.com/coredns/coredns/coremain"

	// These plugins alone: all of core/plugin would bring the SDKs of three clouds with it.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func coreDNS() int {
	coremain.Run()
	return 0
}

// dropCoreDNSFlags takes the flags that package coremain registers out of the process's flag set. Other components
// copy that set into their own, and "kube-proxy --version" would be CoreDNS's.
func dropCoreDNSFlags() {
	theirs := []string{"conf", "dns.port", "log-format", "p", "pidfile", "plugins", "quiet", "version"}
	kept := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	flag.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(theirs, f.Name) {
			kept.Var(f.Value, f.Name, f.Usage)
		}
	})
	flag.CommandLine = kept
}
