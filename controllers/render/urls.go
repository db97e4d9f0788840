package render

import "net/url"

// WellKnownPath is where protected resource metadata is (RFC 9728 section 3);
// the path of the resource follows it.
const WellKnownPath = "/.well-known/oauth-protected-resource"

// MetadataPath returns the path of the metadata of a resource with this path:
// "/.well-known/oauth-protected-resource/billing" for "/billing".
func MetadataPath(resourcePath string) string { return WellKnownPath + resourcePath }

// ResourceMetadataURL returns where the metadata of resource is, by inserting
// the well-known path between host and path (RFC 9728 section 3.1).
func ResourceMetadataURL(resource string) (string, error) {
	u, err := url.Parse(resource)
	if err != nil {
		return "", err
	}
	u.Path, u.RawPath = MetadataPath(u.Path), MetadataPath(u.EscapedPath())
	return u.String(), nil
}
