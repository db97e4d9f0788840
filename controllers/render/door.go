package render

import (
	"slices"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// authenticationOf returns nil where nothing is asked for.
func authenticationOf(in *v1alpha1.Authentication) *config.Authentication {
	if len(in.ACRValues) == 0 && in.MaxAgeSeconds == 0 {
		return nil
	}
	return &config.Authentication{ACRValues: slices.Clone(in.ACRValues), MaxAgeSeconds: int(in.MaxAgeSeconds)}
}

func revocationOf(in *v1alpha1.Revocation) config.Revocation {
	out := config.Revocation{
		Subjects: slices.Clone(in.Subjects),
		Clients:  slices.Clone(in.Clients),
		TokenIDs: slices.Clone(in.TokenIDs),
	}
	if in.IssuedBefore != nil {
		// One moment has one spelling, whatever the time zone of the writer.
		out.IssuedBefore = new(in.IssuedBefore.UTC())
	}
	return out
}
