package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	jsonType   = "application/json"
	signedType = "application/token-introspection+jwt" // RFC 9701
)

// errNotThere says that nothing answers questions where the issuer's metadata said.
var errNotThere = errors.New("the introspection endpoint is not there")

// introspector asks the issuer about a token (RFC 7662).
type introspector struct {
	issuer   string
	endpoint string
	clientID string
	client   *http.Client
	auth     clientAuth
	skew     time.Duration
	// keys are set where the issuer offers signed answers (RFC 9701), which are
	// then asked for and wanted.
	keys *Keys
	// stale is how long keys are believed, and algorithms those of their answers.
	stale      time.Duration
	algorithms []string
}

// ask returns the claims of an active token, nil for one that is not. An error
// means that the issuer has not said either.
func (i *introspector) ask(ctx context.Context, token string) (claims, error) {
	body, contentType, err := i.post(ctx, token)
	if err != nil {
		return nil, err
	}
	answer, err := i.read(ctx, body, contentType)
	if err != nil {
		return nil, err
	}
	var active *bool
	if err := json.Unmarshal(answer["active"], &active); err != nil || active == nil {
		return nil, errors.New("the introspection answer has no boolean active")
	}
	if !*active {
		return nil, nil
	}
	return answer, nil
}

func (i *introspector) post(ctx context.Context, token string) (body []byte, contentType string, err error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {jsonType}}
	// Not sent: net/http asks again on a new connection where an idle one has died.
	header["Idempotency-Key"] = nil
	if i.keys != nil {
		header.Set("Accept", signedType)
	}
	if err := i.auth(form, header); err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	req.Header = header
	resp, err := i.client.Do(req)
	if isDialError(err) {
		return nil, "", fmt.Errorf("%w: %w", errNotThere, err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("asking the introspection endpoint: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, "", fmt.Errorf("%w: HTTP status %d", errNotThere, resp.StatusCode)
	default:
		return nil, "", fmt.Errorf("the introspection endpoint answered HTTP status %d, want 200", resp.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxFetchBytes+1))
	if err != nil || len(body) > maxFetchBytes {
		return nil, "", fmt.Errorf("the introspection answer broke off or has more than %d bytes", maxFetchBytes)
	}
	contentType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return body, contentType, nil
}

// isDialError tells whether there was no connection to fail on.
func isDialError(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

func (i *introspector) read(ctx context.Context, body []byte, contentType string) (claims, error) {
	if i.keys != nil {
		if contentType != signedType {
			return nil, fmt.Errorf("the introspection answer is %s, want %s, which the issuer offers", contentType, signedType)
		}
		return i.readSigned(ctx, strings.TrimSpace(string(body)))
	}
	if contentType != jsonType {
		return nil, fmt.Errorf("the introspection answer is %s, want %s", contentType, jsonType)
	}
	answer, refusal := parseClaims(body)
	if refusal != nil {
		return nil, errors.New("the introspection answer is not a JSON object")
	}
	return answer, nil
}

// maxAnswerAge is how long ago a signed answer may have been made, beside the
// clock skew: it was asked for a moment ago.
const maxAnswerAge = time.Minute

// readSigned verifies an RFC 9701 answer: of the right type, by the issuer, for
// this client, and made now.
func (i *introspector) readSigned(ctx context.Context, token string) (claims, error) {
	c, refusal := parseCompactOf(token, func(typ string) bool { return strings.EqualFold(typ, "token-introspection+jwt") })
	if refusal != nil {
		return nil, fmt.Errorf("the signed introspection answer: %w", refusal)
	}
	if !slices.Contains(i.algorithms, c.algName) {
		return nil, errors.New("the signed introspection answer: alg is not among tokens.algorithms")
	}
	set, refusal := i.keys.set(ctx, i.stale)
	if refusal != nil {
		return nil, refusal
	}
	if _, refusal := checkSignature(ctx, c, set, i.keys); refusal != nil {
		return nil, fmt.Errorf("the signed introspection answer: %w", refusal)
	}
	outer, refusal := parseClaims(c.payload)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := outer.checkParties(i.issuer, i.clientID); refusal != nil {
		return nil, fmt.Errorf("the signed introspection answer: %w", refusal)
	}
	if err := i.checkFresh(outer, time.Now()); err != nil {
		return nil, err
	}
	answer, refusal := parseClaims(outer["token_introspection"])
	if refusal != nil {
		return nil, errors.New("the signed introspection answer has no object token_introspection")
	}
	return answer, nil
}

// checkFresh wants the iat that RFC 9701 section 5 demands. An answer from
// before the token was revoked is not one to this question.
func (i *introspector) checkFresh(c claims, now time.Time) error {
	issued, ok, refusal := c.date("iat")
	if refusal != nil || !ok {
		return errors.New("the signed introspection answer has no iat")
	}
	if now.Sub(issued) > maxAnswerAge+i.skew || issued.Sub(now) > i.skew {
		return fmt.Errorf("the signed introspection answer was made %s ago", now.Sub(issued).Round(time.Second))
	}
	return nil
}
