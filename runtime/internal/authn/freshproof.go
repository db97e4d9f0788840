package authn

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/securedmcp/operator/runtime/internal/replay"
)

// FreshProof is a DPoP proof that holds for its request and has not been used up.
// That comes last: a request that is turned away for asking too often must not
// take room in the memory that all callers share.
type FreshProof struct {
	// NextNonce is to be handed out with the answer, "" where none is due.
	NextNonce string

	once      replay.Once
	owner, id replay.ID
}

// newFreshProof refuses a proof that is known to be used. Who replays one that was
// overheard would be charged to its owner otherwise.
//
// What is remembered counts for the caller that the issuer names. The key is of
// the client's own making: by keys, one caller could take the room of all.
func newFreshProof(c claims, caller *Principal, once replay.Once) (*FreshProof, *Error) {
	jti, ok := stringMember(c, "jti")
	if !ok || jti == "" || len(jti) > maxJTIBytes {
		return nil, refuse(BadProof, "jti is not a string of 1 to %d bytes", maxJTIBytes)
	}
	p := &FreshProof{
		once:  once,
		owner: digestID([]byte(caller.Identity())),
		id:    digestID(append(caller.Key[:len(caller.Key):len(caller.Key)], jti...)),
	}
	if once.Used(p.id) {
		return nil, replayed()
	}
	return p, nil
}

func digestID(text []byte) replay.ID {
	sum := sha256.Sum256(text)
	return replay.ID(sum[:len(replay.ID{})])
}

// Use lets the proof be used now and never again. Its errors are *Error.
func (p *FreshProof) Use(ctx context.Context) error {
	err := p.once.Use(ctx, p.owner, p.id)
	switch full, isFull := errors.AsType[*replay.FullError](err); {
	case err == nil:
		return nil
	case errors.Is(err, replay.ErrUsed):
		return replayed()
	case isFull:
		return &Error{Reason: ReplayMemoryFull, Detail: err.Error(), RetryAfter: full.RetryAfter}
	}
	return refuse(CallerLeft, "the caller left before it was known whether the proof was used before: %v", err)
}

func replayed() *Error { return refuse(ProofReplayed, "a proof with this jti was used before") }

type freshProofKey struct{}

// WithFreshProof returns a context that carries p, for Use.
func WithFreshProof(ctx context.Context, p *FreshProof) context.Context {
	return context.WithValue(ctx, freshProofKey{}, p)
}

// FreshProofFrom returns the proof of the request, nil where its token needs none.
func FreshProofFrom(ctx context.Context) *FreshProof {
	p, _ := ctx.Value(freshProofKey{}).(*FreshProof)
	return p
}
