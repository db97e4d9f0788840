package authserver_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

func TestTokensSurviveARotationUntilTheirKeyIsGone(t *testing.T) {
	s := oauthtest.New(t)
	first := s.SigningKey()
	old := s.Token(nil)
	second := s.Rotate(jwa.RS256)
	if first.ID == second.ID || s.SigningKey() != second {
		t.Fatal("rotation did not change the signing key")
	}
	for name, token := range map[string]string{"old": old, "new": s.Token(nil)} {
		if _, err := verify(t, s, token); err != nil {
			t.Errorf("the %s token does not verify while both keys are published: %v", name, err)
		}
	}
	s.Unpublish(first)
	if _, err := verify(t, s, old); err == nil {
		t.Error("the old token verifies without its key")
	}
}

func TestAKeyMaySignBeforeItIsPublished(t *testing.T) {
	s := oauthtest.New(t)
	early, err := oauthtest.NewKey(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	s.SignWith(early)
	token := s.Token(nil)
	if _, err := verify(t, s, token); err == nil {
		t.Fatal("a token verifies whose key is not published")
	}
	s.Publish(early)
	if _, err := verify(t, s, token); err != nil {
		t.Errorf("it does not verify after its key was published: %v", err)
	}
}

func TestKeysArePublishedAsAsked(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithAlgorithm(jwa.EdDSA))
	s.SigningKey().Members = map[string]any{"alg": nil, "use": nil, "kid": "k1"}
	_, body := get(t, s, s.URL+"/jwks")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 {
		t.Fatalf("%d keys; want 1", len(set.Keys))
	}
	delete(set.Keys[0], "x")
	want := map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "k1"}
	if diff := cmp.Diff(want, set.Keys[0]); diff != "" {
		t.Errorf("key without x (-want +got):\n%s", diff)
	}
}
