package authn

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

const (
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLifetime = time.Minute
)

// clientAuth authenticates the runtime as a client of the issuer. It adds to
// the form or to the header of a request.
type clientAuth func(form url.Values, header http.Header) error

// newClientAuth reads the credential, which is the content of the secret's file.
func newClientAuth(i *config.Introspection, issuer string, credential []byte) (clientAuth, error) {
	secret := strings.TrimRight(string(credential), "\r\n")
	if secret == "" {
		return nil, errors.New("tokens.introspection.clientSecretFile is empty")
	}
	switch i.ClientAuth {
	case config.AuthPost:
		return func(form url.Values, _ http.Header) error {
			form.Set("client_id", i.ClientID)
			form.Set("client_secret", secret)
			return nil
		}, nil
	case config.AuthPrivateKeyJWT:
		return newAssertion(i.ClientID, issuer, credential)
	}
	return func(_ url.Values, header http.Header) error {
		// RFC 6749 section 2.3.1: both parts are form-encoded first.
		req := http.Request{Header: header}
		req.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(secret))
		return nil
	}, nil
}

// newAssertion signs assertions with a private key in PEM (RFC 7523, OpenID
// Connect Core section 9).
func newAssertion(clientID, issuer string, pem []byte) (clientAuth, error) {
	key, err := jwk.ParseKey(pem, jwk.WithPEM(true))
	if err != nil {
		return nil, errors.New("tokens.introspection.clientSecretFile is not a private key in PEM")
	}
	alg, err := signingAlgorithm(key)
	if err != nil {
		return nil, err
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return nil, fmt.Errorf("naming the client's key: %w", err)
	}
	return func(form url.Values, _ http.Header) error {
		now := time.Now()
		payload, err := json.Marshal(map[string]any{
			"iss": clientID, "sub": clientID, "aud": issuer, "jti": rand.Text(),
			"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
		})
		if err != nil {
			return err
		}
		signed, err := jws.Sign(payload, jws.WithKey(alg, key))
		if err != nil {
			return fmt.Errorf("signing the client assertion: %w", err)
		}
		form.Set("client_id", clientID)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", string(signed))
		return nil
	}, nil
}

func signingAlgorithm(key jwk.Key) (jwa.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case jwk.RSAPrivateKey:
		return jwa.RS256, nil
	case jwk.OKPPrivateKey:
		return jwa.EdDSA, nil
	case jwk.ECDSAPrivateKey:
		if alg, ok := map[jwa.EllipticCurveAlgorithm]jwa.SignatureAlgorithm{jwa.P256: jwa.ES256, jwa.P384: jwa.ES384, jwa.P521: jwa.ES512}[k.Crv()]; ok {
			return alg, nil
		}
	}
	return "", errors.New("tokens.introspection.clientSecretFile is a key that cannot sign; want RSA, EC or Ed25519")
}
