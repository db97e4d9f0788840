package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestVersionIsPrinted(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--version"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != version+"\n" {
		t.Errorf("printed %q, want %q", got, version+"\n")
	}
}

func TestHelpNamesEveryFlagAndIsNoError(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, io.Discard, &out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"runtime-image", "leader-elect", "leader-elect-name", "health-probe-bind-address", "metrics-bind-address", "max-concurrent-reconciles", "log-level", "log-format", "operator-namespace", "cluster-domain", "dns-namespaces", "monitoring-namespaces", "namespaces", "watch-label-selector", "issuer-probe", "allowed-hosts", "allowed-image-prefixes", "allowed-ingress-annotations", "allowed-pod-annotations", "allowed-pod-labels", "kubeconfig", "version"} {
		if !strings.Contains(out.String(), "  -"+name) {
			t.Errorf("no flag %s in:\n%s", name, out.String())
		}
	}
}

func TestBadFlagsAreRefusedWithWhatIsAllowed(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"an unknown flag":             {[]string{"--nope"}, "flag provided but not defined"},
		"an argument":                 {[]string{"serve"}, `unexpected argument "serve"`},
		"an unknown log format":       {[]string{"--log-format=xml"}, "want json or text"},
		"an unknown log level":        {[]string{"--log-level=loud"}, "loud"},
		"no runtime image":            {[]string{"--runtime-image="}, "--runtime-image \"\": want an image reference"},
		"no concurrency":              {[]string{"--max-concurrent-reconciles=0"}, "want 1 or more"},
		"an address without a port":   {[]string{"--metrics-bind-address=here"}, "want HOST:PORT"},
		"hosts without a namespace":   {[]string{"--allowed-hosts=mcp.example.com"}, "want NAMESPACE=HOST,..."},
		"hosts of no namespace":       {[]string{"--allowed-hosts=a_b=mcp.example.com"}, "want the name of a namespace, or * for all of them"},
		"a host with a scheme":        {[]string{"--allowed-hosts=billing=https://mcp.example.com"}, "want a host name, *. and a domain"},
		"an image prefix like a name": {[]string{"--allowed-image-prefixes=registry.example.com"}, "want prefixes with a slash"},
		"an annotation like a domain": {[]string{"--allowed-ingress-annotations=nginx.ingress.kubernetes.io*"}, `--allowed-ingress-annotations "nginx.ingress.kubernetes.io*": want a name`},
		"an annotation of no name":    {[]string{"--allowed-pod-annotations=example.com/"}, `--allowed-pod-annotations "example.com/": want a name`},
		"a label with a value":        {[]string{"--allowed-pod-labels=example.com/team=a"}, `--allowed-pod-labels "example.com/team=a": want a name`},
		"a domain that is none":       {[]string{"--cluster-domain=.local"}, "--cluster-domain \".local\": want a domain"},
		"a Lease that cannot be":      {[]string{"--leader-elect-name=Mine"}, `--leader-elect-name "Mine": want a name of a Lease`},
		"a namespace that is none":    {[]string{"--namespaces=a,b_c"}, `--namespaces "b_c": want names of namespaces`},
		"a selector that is none":     {[]string{"--watch-label-selector=a in"}, "want a label selector"},
		"a health probe without port": {[]string{"--health-probe-bind-address=8081"}, "want HOST:PORT"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
