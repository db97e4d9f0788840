package serve

import (
	"fmt"
	"strings"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/devissuer"
)

// listToolsCurl is a command line that a shell runs as it is.
func listToolsCurl(resource, token string) string {
	return strings.Join([]string{
		"curl -sS " + shellQuote(resource),
		"-H " + shellQuote("Authorization: Bearer "+token),
		"-H 'Content-Type: application/json'",
		"-H 'Accept: application/json, text/event-stream'",
		`-d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'`,
	}, " ")
}

// getTokenCurl asks issuer for a token with these scopes only.
func getTokenCurl(issuer, resource string, scopes []string) string {
	return fmt.Sprintf("curl -sS -u %s:%s %s -d grant_type=client_credentials --data-urlencode %s --data-urlencode %s",
		devissuer.ClientID, devissuer.ClientSecret, shellQuote(issuer+"/token"),
		shellQuote("resource="+resource), shellQuote("scope="+strings.Join(scopes, " ")))
}

// shellQuote makes one word of s for any POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
