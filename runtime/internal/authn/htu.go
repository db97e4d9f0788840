package authn

import (
	"net/url"
	"strings"
)

// normalizeURI returns the one spelling of all that name the same http or https
// resource (RFC 3986 sections 6.2.2 and 6.2.3), without query and fragment, and
// false for what is no such URI.
func normalizeURI(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	if strings.Contains(u.Host, "%") {
		return "", false // a zone, which no client can know, or what was escaped and must be again
	}
	scheme := strings.ToLower(u.Scheme)
	host := strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	return scheme + "://" + strings.TrimSuffix(host, ":") + normalizePath(u), true
}

func normalizePath(u *url.URL) string {
	path := normalizeEscapes(u.EscapedPath())
	if strings.Contains(path, "/.") {
		decoded, _ := url.PathUnescape(path) // valid, as it is escaped
		// Resolving removes dot segments.
		path = new(url.URL).ResolveReference(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: decoded, RawPath: path}).EscapedPath()
	}
	if path == "" {
		return "/"
	}
	return path
}

// normalizeEscapes decodes the percent-encoded characters that need no encoding
// and writes the others in capitals. The input is a valid escaped path.
func normalizeEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for len(path) >= 3 {
		i := strings.IndexByte(path, '%')
		if i < 0 || i+3 > len(path) {
			break
		}
		b.WriteString(path[:i])
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); isUnreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		path = path[i+3:]
	}
	return b.String() + path
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// isUnreserved is RFC 3986 section 2.3.
func isUnreserved(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
