package v1alpha1

import (
	"slices"
	"testing"
)

func TestMetadataURLsOfAnIssuer(t *testing.T) {
	tests := map[string]struct {
		issuer string
		want   []string
	}{
		"without a path": {"https://auth.example.com", []string{
			"https://auth.example.com/.well-known/oauth-authorization-server",
			"https://auth.example.com/.well-known/openid-configuration",
		}},
		"with a trailing slash alone": {"https://auth.example.com/", []string{
			"https://auth.example.com/.well-known/oauth-authorization-server",
			"https://auth.example.com/.well-known/openid-configuration",
		}},
		"with a path, a port and an escape": {"https://auth.example.com:8443/realms/a%2Fb", []string{
			"https://auth.example.com:8443/.well-known/oauth-authorization-server/realms/a%2Fb",
			"https://auth.example.com:8443/.well-known/openid-configuration/realms/a%2Fb",
			"https://auth.example.com:8443/realms/a%2Fb/.well-known/openid-configuration",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := MetadataURLs(test.issuer)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v (%v), want %v", got, err, test.want)
			}
		})
	}
	if got, err := MetadataURLs("https://[::1"); err == nil {
		t.Errorf("what is no URL has places %v, want an error", got)
	}
}

func TestURLsOfMetadata(t *testing.T) {
	tests := map[string]struct {
		value, issuer string
		ok            bool
	}{
		"https":                                {"https://keys.example.com/jwks", "https://auth.example.com", true},
		"http of an issuer with https":         {"http://auth.example.com/jwks", "https://auth.example.com", false},
		"http of a loopback issuer":            {"http://127.0.0.1:9000/jwks", "http://127.0.0.1:9000", true},
		"another scheme of a loopback issuer":  {"file:///etc/passwd", "http://127.0.0.1:9000", false},
		"a path":                               {"/jwks", "https://auth.example.com", false},
		"nothing":                              {"", "https://auth.example.com", false},
		"what is no URL":                       {"https://[", "https://auth.example.com", false},
		"another scheme with a host, of https": {"ftp://auth.example.com/jwks", "https://auth.example.com", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := CheckIssuerURL("jwks_uri", test.value, test.issuer); (err == nil) != test.ok {
				t.Errorf("error %v, want it fit: %t", err, test.ok)
			}
		})
	}
}
