package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"golang.org/x/net/html"
)

const maxPage = 1 << 20

// browser opens the authorization page and presses the button, as a person
// would who agrees to everything that is asked.
type browser struct {
	http     *http.Client
	redirect string // where the client would listen
}

func newBrowser(transport http.RoundTripper, redirect string) *browser {
	return &browser{redirect: redirect, http: &http.Client{
		Transport: transport,
		// The redirect back to the client is read, not followed: nobody listens.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// authorize implements auth.AuthorizationCodeFetcher.
func (b *browser) authorize(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("opening the authorization page: %w", err)
	}
	defer resp.Body.Close()
	if isRedirect(resp) {
		return b.result(resp)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("opening the authorization page: %s: %s", resp.Status, head(resp.Body))
	}
	return b.consent(ctx, req.URL, io.LimitReader(resp.Body, maxPage))
}

// consent fills in the form of the page and sends it.
func (b *browser) consent(ctx context.Context, base *url.URL, page io.Reader) (*auth.AuthorizationResult, error) {
	form, err := readForm(page)
	if err != nil {
		return nil, fmt.Errorf("reading the authorization page: %w", err)
	}
	action, err := base.Parse(form.action)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, action.String(), strings.NewReader(form.values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("sending the consent: %w", err)
	}
	defer resp.Body.Close()
	if !isRedirect(resp) {
		return nil, fmt.Errorf("sending the consent: want a redirect back to the client, got %s: %s", resp.Status, head(resp.Body))
	}
	return b.result(resp)
}

// result reads the answer from the redirect to the client.
func (b *browser) result(resp *http.Response) (*auth.AuthorizationResult, error) {
	location, err := resp.Location()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(location.String(), b.redirect+"?") {
		return nil, fmt.Errorf("the authorization server redirects to %s://%s%s, want %s", location.Scheme, location.Host, location.Path, b.redirect)
	}
	query := location.Query()
	if code := query.Get("error"); code != "" {
		return nil, fmt.Errorf("the authorization server refused: %s: %s", code, query.Get("error_description"))
	}
	return &auth.AuthorizationResult{Code: query.Get("code"), State: query.Get("state"), Iss: query.Get("iss")}, nil
}

func isRedirect(resp *http.Response) bool { return resp.StatusCode >= 300 && resp.StatusCode < 400 }

func head(body io.Reader) string {
	raw, _ := io.ReadAll(io.LimitReader(body, 512))
	return strings.TrimSpace(string(raw))
}

// form is the first form of a page as it would be sent with its first button.
type form struct {
	action string
	values url.Values
}

func readForm(page io.Reader) (form, error) {
	root, err := html.Parse(page)
	if err != nil {
		return form{}, err
	}
	var out *form
	pressed := false
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form" && out == nil:
			out = &form{action: attribute(n, "action"), values: url.Values{}}
		case out == nil:
		case n.Data == "input":
			out.add(n)
		case n.Data == "button" && !pressed:
			pressed = true
			out.add(n)
		}
	}
	if out == nil {
		return form{}, errors.New("it has no form")
	}
	return *out, nil
}

func (f *form) add(n *html.Node) {
	name, kind := attribute(n, "name"), attribute(n, "type")
	if name == "" || kind == "checkbox" && !has(n, "checked") {
		return
	}
	f.values.Add(name, attribute(n, "value"))
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
