package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// metadata are the members of protected resource metadata that checks look at
// (RFC 9728 section 2).
type metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ProofAlgorithms      []string `json:"dpop_signing_alg_values_supported"`
	ProofRequired        bool     `json:"dpop_bound_access_tokens_required"`
}

// wellKnown is where metadata is: the well-known path goes between host and path
// (RFC 9728 section 3.1).
func (t *target) wellKnown() string {
	u := t.endpoint()
	return u.Scheme + "://" + u.Host + prefix + strings.TrimSuffix(u.EscapedPath(), "/")
}

// fetch gets a metadata document without any token.
func (t *target) fetch(ctx context.Context, at string) (*metadata, *answer, error) {
	a, err := t.send(ctx, request{httpMethod: http.MethodGet, url: at, header: http.Header{
		"Accept": {"application/json"}, "Content-Type": nil, "Mcp-Method": nil, "Mcp-Session-Id": nil,
	}})
	if err != nil {
		return nil, nil, err
	}
	m := new(metadata)
	if a.Status != http.StatusOK {
		return m, a, nil
	}
	if err := json.Unmarshal(a.Body, m); err != nil {
		return nil, nil, fmt.Errorf("%s: not metadata: %w", at, err)
	}
	return m, a, nil
}

// inMetadata judges one member of the metadata.
func inMetadata(see func(*target, *metadata) (got string, ok bool)) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		m, a, err := t.fetch(ctx, t.wellKnown())
		if err != nil {
			return finding{}, err
		}
		if a.Status != http.StatusOK {
			return judge(a, false), nil
		}
		return judgeText(see(t, m)), nil
	}
}

func metadataChecks() []Check {
	const get = "GET the well-known URI"
	return []Check{
		{
			ID: "A1.metadata", Level: Must, Reference: "RFC 9728 section 3.2", Sends: get, Wants: "200 with application/json",
			probe: func(ctx context.Context, t *target) (finding, error) {
				_, a, err := t.fetch(ctx, t.wellKnown())
				if err != nil {
					return finding{}, err
				}
				mediaType, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
				return judgeText(fmt.Sprint(a.Status, " ", mediaType), a.Status == http.StatusOK && mediaType == "application/json"), nil
			},
		},
		{
			ID: "A1.resource", Level: Must, Reference: "RFC 9728 section 3.3", Sends: get, Wants: "resource is the URL, byte for byte",
			probe: inMetadata(func(t *target, m *metadata) (string, bool) { return m.Resource, m.Resource == t.URL }),
		},
		{
			ID: "A1.issuer", Level: Must, Reference: "MCP authorization, RFC 9728 section 2", Sends: get, Wants: "the issuer is among authorization_servers",
			probe: inMetadata(func(t *target, m *metadata) (string, bool) {
				named := slices.Contains(m.AuthorizationServers, t.Issuer.Issuer())
				return fmt.Sprintf("%d named, the issuer among them: %v", len(m.AuthorizationServers), named), named
			}),
		},
		{
			ID: "A1.bearer-methods", Level: Should, Reference: "RFC 9728 section 2, RFC 6750 section 2", Sends: get, Wants: "bearer_methods_supported is absent or just header",
			probe: inMetadata(func(_ *target, m *metadata) (string, bool) {
				return fmt.Sprint(m.BearerMethods), m.BearerMethods == nil || slices.Equal(m.BearerMethods, []string{"header"})
			}),
		},
		{
			ID: "A2.well-known", Level: Must, Reference: "RFC 9728 section 3.1", Sends: get, Wants: "200: path inserted, or at the root for a resource without path",
			probe: func(ctx context.Context, t *target) (finding, error) {
				_, a, err := t.fetch(ctx, t.wellKnown())
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.Status == http.StatusOK), nil
			},
		},
		{
			ID: "A4.metadata", Level: Should, Reference: "MCP authorization, scope selection", Sends: get, Wants: "no offline_access in scopes_supported",
			probe: inMetadata(func(_ *target, m *metadata) (string, bool) {
				return fmt.Sprint(m.ScopesSupported), !slices.Contains(m.ScopesSupported, "offline_access")
			}),
		},
	}
}
