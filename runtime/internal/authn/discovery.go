package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// metadata is what the runtime needs of RFC 8414 metadata.
type metadata struct {
	Issuer                string   `json:"issuer"`
	JWKSURI               string   `json:"jwks_uri"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	IntrospectionSigning  []string `json:"introspection_signing_alg_values_supported"`
}

// signsIntrospection tells whether the issuer offers introspection answers with
// a signature that can be verified here (RFC 9701 section 7): by one of the allowed
// algorithms or of the default ones. An answer by one of the latter that is not
// allowed is refused, and an answer without a signature does not take its place.
func (m *metadata) signsIntrospection(allowed []string) bool {
	known := append(config.DefaultAlgorithms(), allowed...)
	return slices.ContainsFunc(m.IntrospectionSigning, func(alg string) bool { return slices.Contains(known, alg) })
}

// discover returns metadata that says where the issuer's keys are.
func discover(ctx context.Context, client *http.Client, issuer string) (*metadata, error) {
	return discoverFor(ctx, client, issuer, func(m *metadata) error {
		return config.CheckIssuerURL("jwks_uri", m.JWKSURI, issuer)
	})
}

// discoverFor returns the metadata of issuer from the first well-known place
// that has it and satisfies check.
func discoverFor(ctx context.Context, client *http.Client, issuer string, check func(*metadata) error) (*metadata, error) {
	urls, err := config.MetadataURLs(issuer)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, u := range urls {
		md, err := fetchMetadata(ctx, client, u, issuer)
		if err == nil {
			if err = check(md); err == nil {
				return md, nil
			}
			err = fmt.Errorf("GET %s: %w", u, err)
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("discovering issuer %s: %w", issuer, errors.Join(errs...))
}

func fetchMetadata(ctx context.Context, client *http.Client, rawURL, issuer string) (*metadata, error) {
	body, err := fetchJSON(ctx, client, rawURL)
	if err != nil {
		return nil, err
	}
	var md metadata
	if err := json.Unmarshal(body, &md); err != nil {
		return nil, fmt.Errorf("GET %s: not authorization server metadata", rawURL)
	}
	// RFC 8414 section 3.3: identical, or the document must not be used.
	if md.Issuer != issuer {
		return nil, fmt.Errorf("GET %s: the metadata names issuer %q, want %q", rawURL, md.Issuer, issuer)
	}
	return &md, nil
}
