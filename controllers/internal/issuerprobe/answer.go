package issuerprobe

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Answer is what came of a question.
type Answer struct {
	// Reason is ReasonIssuerDiscovered when the issuer is as it should be, and
	// otherwise why it is not.
	Reason  string
	message string
	// advertised is for people's information.
	advertised advertised
}

// NoBundle is the answer of an issuer that was not asked, for want of its CA
// bundle.
func NoBundle(message string) Answer {
	return Answer{Reason: v1alpha1.ReasonCABundleMissing, message: message}
}

// Fine tells whether the issuer is as it should be.
func (a *Answer) Fine() bool { return a.Reason == v1alpha1.ReasonIssuerDiscovered }

// Unreachable tells whether another attempt may fare better right away.
func (a *Answer) Unreachable() bool { return a.Reason == v1alpha1.ReasonIssuerUnreachable }

// Equal tells whether a and b say the same of every server.
func (a *Answer) Equal(b *Answer) bool { return reflect.DeepEqual(a, b) }

// advertised is what an issuer says of itself that servers differ about.
type advertised struct {
	scopes, resources  names
	resourceIndicators bool
}

// names are a list of the issuer's: to look ours up in, never to be shown.
type names struct {
	// known is not set when there is no such list, or it is too long to keep.
	known bool
	list  []string
}

// maxNames bounds, in bytes, what is kept of a list. There is one for each issuer,
// and whoever writes a server can name one that lists a lot.
const maxNames = 32 << 10

func keep(all []string) names {
	const header = 16 // of a string
	size := header * len(all)
	for _, name := range all {
		size += len(name)
	}
	if all == nil || size > maxNames {
		return names{}
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return names{true, slices.Compact(sorted)}
}

func (n *names) has(name string) bool {
	_, found := slices.BinarySearch(n.list, name)
	return found
}

// Message says what a means for one server.
func (a *Answer) Message(spec *v1alpha1.SecuredMCPServerSpec) string {
	if !a.Fine() {
		return a.message
	}
	what := "metadata and keys are there"
	if spec.Tokens.Type == v1alpha1.TokenTypeOpaque {
		what = "metadata and introspection endpoint are there"
	}
	return strings.Join(append([]string{what + ", and PKCE is advertised"}, a.hints(spec)...), "; ")
}

// hints are what a person should know of an issuer that is as it should be.
func (a *Answer) hints(spec *v1alpha1.SecuredMCPServerSpec) []string {
	var hints []string
	if missing := a.unknownScopes(spec); len(missing) > 0 {
		hints = append(hints, fmt.Sprintf("its scopes_supported lacks %s: clients may not get them", some(missing)))
	}
	if audience := cmp.Or(spec.Audience, spec.Resource); audience == spec.Resource {
		hints = append(hints, a.audienceHints(audience)...)
	}
	return hints
}

// unknownScopes are the scopes that clients will ask for and the issuer does not
// list. Those that spec.scopes grants by claims need not be asked for.
func (a *Answer) unknownScopes(spec *v1alpha1.SecuredMCPServerSpec) []string {
	if !a.advertised.scopes.known {
		return nil
	}
	var missing []string
	for i := range spec.Scopes {
		if s := &spec.Scopes[i]; s.GrantedBy == "" && !a.advertised.scopes.has(s.Name) {
			missing = append(missing, s.Name)
		}
	}
	return missing
}

func (a *Answer) audienceHints(audience string) []string {
	switch has := &a.advertised; {
	case has.resources.known && has.resources.has(audience), has.resourceIndicators && !has.resources.known:
		return nil
	case has.resources.known:
		return []string{"its protected_resources lacks spec.resource: tokens may not be issued for it"}
	}
	return []string{"it does not advertise resource indicators (RFC 8707): tokens may lack the audience that is wanted, which then has to be set up at the issuer, or as spec.audience"}
}

// maxNamed bounds how many names a message has.
const maxNamed = 5

func some(all []string) string {
	named := strings.Join(all[:min(len(all), maxNamed)], ", ")
	if more := len(all) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", named, more)
	}
	return named
}
