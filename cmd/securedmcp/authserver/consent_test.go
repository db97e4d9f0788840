package authserver_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

var ticketField = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

func newInteractive(t *testing.T) *oauthtest.Server {
	return oauthtest.New(t, oauthtest.WithClient(oauthtest.Client{
		ID: public.ID, Name: `<script>alert("x")</script>`, RedirectURIs: public.RedirectURIs,
	}), oauthtest.With(func(c *oauthtest.Config) {
		c.AutoApprove = ""
		c.Subjects = []string{"alice", "bob"}
	}))
}

// openPage returns the consent page and the ticket in its form.
func openPage(t *testing.T, s *oauthtest.Server, verifier string) (page, ticket string) {
	t.Helper()
	status, page := get(t, s, s.URL+"/authorize?"+authorizeForm(verifier, nil).Encode())
	match := ticketField.FindStringSubmatch(page)
	if status != http.StatusOK || match == nil {
		t.Fatalf("status %d, page without a ticket:\n%s", status, page)
	}
	return page, match[1]
}

func submit(t *testing.T, s *oauthtest.Server, form url.Values) (int, url.Values) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/consent", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return redirected(t, s, request)
}

func TestThePageShowsWhatIsAskedAndLoadsNothingElse(t *testing.T) {
	s := newInteractive(t)
	page, _ := openPage(t, s, oauth2.GenerateVerifier())
	for _, want := range []string{"invoices:read", "invoices:write", resource, callback, `value="alice"`, `<option value="bob">`, `lang="en"`, `<label for="subject">`, "Approve", "Deny", "Development"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, unwanted := range []string{"<script", "src=", "@import", "<link"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the page contains %q", unwanted)
		}
	}
}

func TestThePageIsNeitherFramedNorKept(t *testing.T) {
	s := newInteractive(t)
	target := s.URL + "/authorize?" + authorizeForm(oauth2.GenerateVerifier(), nil).Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy %q", policy)
	}
	if cache := response.Header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("Cache-Control %q", cache)
	}
}

func TestAPersonApprovesSomeScopesForSomeSubject(t *testing.T) {
	s := newInteractive(t)
	verifier := oauth2.GenerateVerifier()
	_, ticket := openPage(t, s, verifier)
	form := url.Values{"ticket": {ticket}, "subject": {"bob"}, "decision": {"approve"}, "scope": {"invoices:read", "never:asked"}}
	status, query := submit(t, s, form)
	if status != http.StatusSeeOther || query.Get("iss") != s.Issuer() || query.Get("state") != "st" {
		t.Fatalf("status %d, redirect with %v", status, query)
	}
	token := postForm(t, s, "/token", codeForm(query.Get("code"), verifier, nil), nil)
	claims := part(t, token.text("access_token"), 1)
	if claims["sub"] != "bob" || claims["scope"] != "invoices:read" {
		t.Errorf("sub %v, scope %v; want bob with what was ticked of what was asked", claims["sub"], claims["scope"])
	}
	if again, query := submit(t, s, form); again != http.StatusBadRequest || query.Has("code") {
		t.Errorf("the same page decides twice: status %d", again)
	}
}

func TestAPersonDenies(t *testing.T) {
	for name, form := range map[string]url.Values{
		"with the button":     {"decision": {"deny"}, "subject": {"alice"}},
		"without the button":  {"subject": {"alice"}},
		"by choosing no name": {"decision": {"approve"}, "subject": {" "}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newInteractive(t)
			_, ticket := openPage(t, s, oauth2.GenerateVerifier())
			form.Set("ticket", ticket)
			if status, query := submit(t, s, form); status != http.StatusSeeOther || query.Get("error") != "access_denied" || query.Has("code") {
				t.Errorf("status %d, redirect with %v", status, query)
			}
		})
	}
}

func TestADecisionNeedsThePage(t *testing.T) {
	s := newInteractive(t)
	form := url.Values{"ticket": {"guessed"}, "subject": {"alice"}, "decision": {"approve"}}
	if status, query := submit(t, s, form); status != http.StatusBadRequest || len(query) > 0 {
		t.Errorf("status %d, redirect with %v", status, query)
	}
}
