package ingress

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// config is what the nginx template shows. It is sorted throughout: the same snapshot gives the same text, so that a
// changed text is the reason to reload.
type config struct {
	Upstreams []upstream
	Servers   []server // the catch-all, Host "", is always the first
}

type upstream struct {
	Name      string
	Addresses []string
}

type server struct {
	Host      string // "" is the catch-all
	TLS       bool   // asked for by an Ingress; every server listens on 443 all the same, as ingress-nginx does
	Cert      string // file name of certificate and key
	Locations []location
}

type location struct {
	Match    string // nginx location modifier and quoted path
	Upstream string // "" means no ready endpoint: 503
	Redirect bool   // http -> https
	Options  options
}

// rule is one path of one Ingress, before the rules of all Ingresses are merged into servers.
type rule struct {
	ingress *networkingv1.Ingress
	host    string
	path    string
	exact   bool
	backend networkingv1.IngressBackend
}

type builder struct {
	snap      *snapshot
	certs     *certStore
	upstreams map[string]upstream
	servers   map[string]*server
}

func buildConfig(snap *snapshot, certs *certStore) config {
	b := builder{snap: snap, certs: certs, upstreams: map[string]upstream{}, servers: map[string]*server{}}
	b.server("")
	byAge := slices.SortedFunc(slices.Values(slices.Concat(snap.ingresses, snap.routed)), olderFirst)
	for _, ing := range byAge {
		b.addTLS(ing)
	}
	// An exact path beats the exact half of a prefix, whichever Ingress is older; else the older Ingress wins.
	var rules []rule
	for _, ing := range byAge {
		rules = append(rules, rulesOf(ing)...)
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(rank(a), rank(b)) })
	taken := map[string]bool{}
	for _, r := range rules {
		b.addRule(r, taken)
	}
	return b.config()
}

func olderFirst(a, b *networkingv1.Ingress) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}

func rank(r rule) int {
	switch {
	case r.exact:
		return 0
	case r.path != "": // a rule somebody wrote
		return 1
	default: // a default backend
		return 2
	}
}

// rulesOf lists an Ingress's paths. A default backend takes what no rule of its hosts matches, and the catch-all.
func rulesOf(ing *networkingv1.Ingress) []rule {
	var out []rule
	hosts := map[string]bool{"": true}
	for _, r := range ing.Spec.Rules {
		hosts[r.Host] = true
		if r.HTTP == nil {
			continue
		}
		for _, p := range r.HTTP.Paths {
			out = append(out, pathRules(ing, r.Host, p)...)
		}
	}
	if ing.Spec.DefaultBackend != nil {
		for _, host := range slices.Sorted(maps.Keys(hosts)) {
			out = append(out, rule{ingress: ing, host: host, backend: *ing.Spec.DefaultBackend})
		}
	}
	return out
}

// pathRules gives the nginx locations of one path. Prefix /a matches /a and /a/b but not /ab, so it takes two;
// ImplementationSpecific is nginx's own prefix, which does match /ab.
func pathRules(ing *networkingv1.Ingress, host string, p networkingv1.HTTPIngressPath) []rule {
	base := rule{ingress: ing, host: host, path: cmp.Or(p.Path, "/"), backend: p.Backend}
	kind := networkingv1.PathTypeImplementationSpecific
	if p.PathType != nil {
		kind = *p.PathType
	}
	switch kind {
	case networkingv1.PathTypeExact:
		base.exact = true
		return []rule{base}
	case networkingv1.PathTypePrefix:
		trimmed := strings.TrimRight(base.path, "/")
		below := base
		below.path = trimmed + "/"
		if trimmed == "" {
			return []rule{below}
		}
		// Not marked exact: a path that somebody wrote as Exact goes before it.
		self := base
		self.path = "=" + trimmed
		return []rule{self, below}
	default:
		return []rule{base}
	}
}

// match is the nginx location of a rule; two rules with the same match are rivals.
func (r rule) match() string {
	if path, ok := strings.CutPrefix(r.path, "="); ok || r.exact {
		return "= " + quote(path)
	}
	return quote(cmp.Or(r.path, "/"))
}

func (b *builder) addRule(r rule, taken map[string]bool) {
	s, match := b.server(r.host), r.match()
	if taken[r.host+" "+match] {
		return
	}
	taken[r.host+" "+match] = true
	opts := optionsOf(r.ingress)
	s.Locations = append(s.Locations, location{
		Match: match, Upstream: b.upstream(r), Redirect: s.TLS && opts.SSLRedirect, Options: opts,
	})
}

// upstream names the rule's upstream and remembers its endpoints; "" if there is none to send to.
func (b *builder) upstream(r rule) string {
	ref := r.backend.Service
	if ref == nil {
		return "" // a resource backend: not served
	}
	service := types.NamespacedName{Namespace: r.ingress.Namespace, Name: ref.Name}
	addresses := b.snap.addresses(service, ref.Port)
	if len(addresses) == 0 {
		return ""
	}
	port := cmp.Or(ref.Port.Name, strconv.Itoa(int(ref.Port.Number)))
	name := strings.Join([]string{service.Namespace, service.Name, port}, "_") // no Kubernetes name has an underscore
	b.upstreams[name] = upstream{Name: name, Addresses: addresses}
	return name
}

// addTLS gives the hosts of spec.tls their certificate; the first Ingress with a usable one wins.
func (b *builder) addTLS(ing *networkingv1.Ingress) {
	for _, entry := range ing.Spec.TLS {
		hosts := entry.Hosts
		if len(hosts) == 0 {
			for _, r := range ing.Spec.Rules {
				hosts = append(hosts, r.Host)
			}
		}
		secret := b.snap.secrets[types.NamespacedName{Namespace: ing.Namespace, Name: entry.SecretName}]
		for _, host := range hosts {
			s := b.server(host)
			s.TLS = true
			if s.Cert == b.certs.fallback() {
				s.Cert = b.certs.forHost(secret, host)
			}
		}
	}
}

func (b *builder) server(host string) *server {
	if b.servers[host] == nil {
		b.servers[host] = &server{Host: host, Cert: b.certs.fallback()}
	}
	return b.servers[host]
}

func (b *builder) config() config {
	var out config
	for _, host := range slices.Sorted(maps.Keys(b.servers)) {
		s := *b.servers[host]
		slices.SortFunc(s.Locations, func(a, b location) int { return cmp.Compare(a.Match, b.Match) })
		out.Servers = append(out.Servers, s)
	}
	for _, name := range slices.Sorted(maps.Keys(b.upstreams)) {
		out.Upstreams = append(out.Upstreams, b.upstreams[name])
	}
	return out
}

// quote makes one nginx word of any text, whatever an ImplementationSpecific path holds.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", "", "\r", "").Replace(s) + `"`
}

func sortedUnique(in []string) []string {
	slices.Sort(in)
	return slices.Compact(in)
}

func joinHostPort(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
