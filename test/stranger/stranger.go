// Package stranger judges what somebody without a token is answered on the way
// through an nginx.
package stranger

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/securedmcp/operator/controllers/render"
	"github.com/securedmcp/operator/hack/demo/client"
)

// Gone is what a test has taken away, so that the proxy answers in its place.
type Gone int

// What may be gone.
const (
	// Nothing: the server answers, and nobody else.
	Nothing Gone = iota
	// Server: there are no pods, or nothing leads to them.
	Server
	// Route: the proxy does not know the host.
	Route
	// Everything: the server and its route, in no order.
	Everything
)

// proxys are the answers of a proxy that lacks what is gone.
var proxys = map[Gone][]int{
	Server:     {http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
	Route:      {http.StatusNotFound},
	Everything: {http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusNotFound},
}

// Check returns why an answer of the server of a resource is not harmless: it is
// neither the server's challenge nor a page of the proxy that is to be expected
// while something is gone.
func Check(a *client.Answer, resource string, gone Gone) error {
	switch {
	case a.Status == http.StatusUnauthorized:
		return checkChallenge(a.Challenge, resource)
	case !slices.Contains(proxys[gone], a.Status):
		return fmt.Errorf("status %d: %.200q", a.Status, a.Body)
	case string(a.Body) != page(a.Status):
		return fmt.Errorf("status %d, and not by the proxy: %.200q", a.Status, a.Body)
	}
	return nil
}

// checkChallenge wants the challenge for a request without a token: RFC 6750 section
// 3.1 has it without an error, and RFC 9728 section 5.1 with where to read on.
func checkChallenge(header, resource string) error {
	want, err := render.ResourceMetadataURL(resource)
	if err != nil {
		return err
	}
	challenges, err := oauthex.ParseWWWAuthenticate([]string{header})
	if err != nil {
		return fmt.Errorf("status 401: %w", err)
	}
	ours := func(c oauthex.Challenge) bool {
		_, told := c.Params["error"]
		return !told && strings.EqualFold(c.Scheme, "Bearer") && c.Params["resource_metadata"] == want
	}
	if len(challenges) != 1 || !ours(challenges[0]) {
		return fmt.Errorf("status 401 with the challenge %q, want one that leads to %s and has no error", header, want)
	}
	return nil
}

// titles are those of nginx, which are not all those of Go.
var titles = map[int]string{
	http.StatusNotFound:           "Not Found",
	http.StatusBadGateway:         "Bad Gateway",
	http.StatusServiceUnavailable: "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:     "Gateway Time-out",
}

// page is what nginx writes by itself, without its version. Its Server header tells
// nothing: it puts that on the answers of others, too.
func page(status int) string {
	title := fmt.Sprintf("%d %s", status, titles[status])
	return strings.Join([]string{
		"<html>", "<head><title>" + title + "</title></head>", "<body>",
		"<center><h1>" + title + "</h1></center>", "<hr><center>nginx</center>",
		"</body>", "</html>", "",
	}, "\r\n")
}
