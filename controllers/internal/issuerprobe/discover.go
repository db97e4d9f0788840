package issuerprobe

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// discover returns the first metadata that a pod would go by, or why there is
// none.
func discover(ctx context.Context, client *http.Client, q Question) (*metadata, *fault) {
	urls, err := config.MetadataURLs(q.Issuer)
	if err != nil {
		return nil, &fault{reason: v1alpha1.ReasonMetadataMissing, message: "spec.issuer is not a URL"}
	}
	var faults []*fault
	for _, u := range urls {
		md, f := discoverAt(ctx, client, q, u)
		if f == nil {
			return md, nil
		}
		faults = append(faults, f)
		if f.early {
			break
		}
	}
	return nil, furthest(faults)
}

// progress puts first the reasons of those who got least far: somebody who has
// the issuer's metadata at one place does not care that another one has none.
var progress = []string{
	v1alpha1.ReasonIssuerUnreachable, v1alpha1.ReasonMetadataMissing, v1alpha1.ReasonIssuerMismatch,
	v1alpha1.ReasonKeysMissing, v1alpha1.ReasonIntrospectionMissing,
}

// furthest joins the faults that got as far as any did.
func furthest(faults []*fault) *fault {
	rank := func(f *fault) int { return slices.Index(progress, f.reason) }
	most := slices.MaxFunc(faults, func(a, b *fault) int { return rank(a) - rank(b) })
	var messages []string
	for _, f := range faults {
		if f.reason == most.reason && !slices.Contains(messages, f.message) {
			messages = append(messages, f.message)
		}
	}
	return &fault{reason: most.reason, message: strings.Join(messages, "; ")}
}

func discoverAt(ctx context.Context, client *http.Client, q Question, url string) (*metadata, *fault) {
	at := &target{url: url, name: url, missing: v1alpha1.ReasonMetadataMissing}
	raw, f := fetch(ctx, client, at)
	if f != nil {
		return nil, f
	}
	md := new(metadata)
	if json.Unmarshal(raw, md) != nil {
		return nil, at.lacks(" answers with no authorization server metadata")
	}
	if f := checkIssuer(md, q); f != nil {
		return nil, f
	}
	return md, checkEndpoint(md, q)
}

// fetchKeys wants a key set that a pod could begin with.
func fetchKeys(ctx context.Context, client *http.Client, q Question, md *metadata) *fault {
	at := &target{url: md.JWKSURI, name: "jwks_uri of the metadata", missing: v1alpha1.ReasonKeysMissing}
	if q.KeysURL != "" {
		at.url, at.name = q.KeysURL, q.KeysURL
	}
	raw, f := fetch(ctx, client, at)
	if f != nil {
		return f
	}
	return checkKeys(at, raw)
}
