package authserver

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// consentLifetime is how long a person may look at the page.
const consentLifetime = 10 * time.Minute

//go:embed consent.html
var consentHTML string

var consentPage = template.Must(template.New("consent").Parse(consentHTML))

// consentView is what the page shows.
type consentView struct {
	Action, Ticket, Issuer string
	Client, RedirectURI    string
	Subject                string
	Subjects               []string
	Scopes, Resources      []string
}

// askConsent shows a person what the client wants.
func (h *Handler) askConsent(w http.ResponseWriter, request authorizationRequest) {
	ticket, now := rand.Text(), h.config.Now()
	h.consents.put(ticket, request, now, now.Add(consentLifetime))
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	// form-action is left out: browsers apply it to the redirect to the client.
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	_ = consentPage.Execute(w, h.consentView(request, ticket)) // fails only when the browser has gone
}

func (h *Handler) consentView(request authorizationRequest, ticket string) consentView {
	subjects := h.config.Subjects
	if len(subjects) == 0 {
		subjects = []string{DefaultSubject}
	}
	name := request.client.Name
	if name == "" {
		name = request.client.ID
	}
	return consentView{
		Action: h.endpointURL("/consent"), Ticket: ticket, Issuer: h.config.Issuer,
		Client: name, RedirectURI: request.redirectURI,
		Subject: subjects[0], Subjects: subjects,
		Scopes: request.scopes, Resources: request.resources,
	}
}

// serveConsent takes the person's decision. The ticket is single use and known
// only to the page, so another site cannot decide in the person's place.
func (h *Handler) serveConsent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	if err := r.ParseForm(); err != nil {
		writeError(w, oauthErrorf(errInvalidRequest, "reading the form: %v", err))
		return
	}
	request, ok := h.consents.take(r.PostForm.Get("ticket"), h.config.Now())
	if !ok {
		writeError(w, oauthErrorf(errInvalidRequest, "this page was used or is too old; start again at the client"))
		return
	}
	if err := decide(&request, r.PostForm); err != nil {
		h.redirectError(w, r, request, err)
		return
	}
	h.approve(w, r, request, strings.TrimSpace(r.PostForm.Get("subject")))
}

// decide narrows request to what the person ticked, or says why there is
// nothing to approve.
func decide(request *authorizationRequest, form url.Values) error {
	if form.Get("decision") != "approve" {
		return oauthErrorf(errAccessDenied, "the person denied the request")
	}
	if strings.TrimSpace(form.Get("subject")) == "" {
		return oauthErrorf(errAccessDenied, "no subject was chosen")
	}
	request.scopes = slices.DeleteFunc(slices.Clone(request.scopes), func(scope string) bool {
		return !slices.Contains(form["scope"], scope)
	})
	return nil
}
