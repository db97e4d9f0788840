// Package nonce makes and checks DPoP nonces (RFC 9449 section 9) without
// remembering any: a nonce is a span of time and a MAC over it, and replicas that
// share the MAC's secret accept each other's.
package nonce

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	// Span is how long one nonce is handed out. It is accepted for the next span
	// too, 5 to 10 minutes in all, and for a span early: clocks of replicas differ.
	Span = 5 * time.Minute

	macBytes   = 16
	nonceBytes = 4 + macBytes
)

var b64 = base64.RawURLEncoding.Strict()

// Nonces are safe for concurrent use.
type Nonces struct {
	secrets *Secrets
	now     func() time.Time
}

// New returns the nonces that secrets makes.
func New(secrets *Secrets) *Nonces { return &Nonces{secrets: secrets, now: time.Now} }

// Current returns the nonce of the present span.
func (n *Nonces) Current(ctx context.Context) string {
	return b64.EncodeToString(n.make(ctx, spanOf(n.now())))
}

// Check tells whether nonce is accepted, and returns the one to hand out where
// a newer one is due, "" otherwise.
func (n *Nonces) Check(ctx context.Context, nonce string) (next string, ok bool) {
	raw, err := b64.DecodeString(nonce)
	if err != nil || len(raw) != nonceBytes {
		return n.Current(ctx), false
	}
	span, now := binary.BigEndian.Uint32(raw), spanOf(n.now())
	if span < now-1 || span > now+1 || !hmac.Equal(raw, n.make(ctx, span)) {
		return n.Current(ctx), false
	}
	if span < now {
		return n.Current(ctx), true
	}
	return "", true
}

func (n *Nonces) make(ctx context.Context, span uint32) []byte {
	secret, ok := n.secrets.of(ctx, n.now(), epochOf(time.Unix(int64(span)*int64(Span/time.Second), 0)))
	if !ok {
		return nil // equals no nonce
	}
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, nonceBytes), span)
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(raw)
	return append(raw, mac.Sum(nil)[:macBytes]...)
}

func spanOf(t time.Time) uint32 {
	return uint32(t.Unix() / int64(Span/time.Second)) //nolint:gosec // until the year 42802
}
