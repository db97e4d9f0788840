package authserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxClientDocument bounds a Client ID Metadata Document, as
// draft-ietf-oauth-client-id-metadata-document recommends.
const maxClientDocument = 5 << 10

// fetchClient reads the Client ID Metadata Document that id is the URL of.
func (h *Handler) fetchClient(ctx context.Context, id string) (Client, error) {
	if err := checkClientURL(id); err != nil {
		return Client{}, err
	}
	raw, err := h.fetchDocument(ctx, id)
	if err != nil {
		return Client{}, err
	}
	metadata := clientMetadata{TokenEndpointAuthMethod: authNone}
	if err := json.Unmarshal(raw, &metadata); err != nil {
		return Client{}, oauthErrorf(errInvalidClient, "decoding the document at %s: %v", id, err)
	}
	if metadata.ClientID != id {
		return Client{}, oauthErrorf(errInvalidClient, "the document at %s has the client_id %q; want its own URL", id, metadata.ClientID)
	}
	if metadata.ClientSecret != "" || metadata.TokenEndpointAuthMethod != authNone {
		return Client{}, oauthErrorf(errInvalidClient, "the document at %s: want token_endpoint_auth_method none and no secret", id)
	}
	if err := metadata.complete(); err != nil {
		return Client{}, err
	}
	return metadata.client(), nil
}

// checkClientURL applies section 3 of the draft.
func checkClientURL(id string) error {
	u, err := url.Parse(id)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") == "" || u.User != nil || strings.Contains(id, "#") {
		return oauthErrorf(errInvalidClient, "client_id %q: want an https URL with a path, without user information and fragment", id)
	}
	return nil
}

func (h *Handler) fetchDocument(ctx context.Context, id string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, id, nil)
	if err != nil {
		return nil, oauthErrorf(errInvalidClient, "client_id %q: %v", id, err)
	}
	request.Header.Set("Accept", "application/json")
	client := *h.config.ClientMetadata
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return nil, oauthErrorf(errInvalidClient, "fetching the document: %v", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, oauthErrorf(errInvalidClient, "fetching the document at %s: status %d; want 200", id, response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxClientDocument+1))
	if err != nil {
		return nil, oauthErrorf(errInvalidClient, "reading the document at %s: %v", id, err)
	}
	if len(raw) > maxClientDocument {
		return nil, oauthErrorf(errInvalidClient, "the document at %s is larger than %d bytes", id, maxClientDocument)
	}
	return raw, nil
}
