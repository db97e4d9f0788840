package authn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/securedmcp/operator/runtime/internal/replay"
)

// Keys are free: a caller has as many as it likes.
func TestTheRoomForProofsIsSharedByCallersNotByKeys(t *testing.T) {
	once := replay.NewMemory()
	once.Cover(time.Hour)
	use := func(subject string, n int) error {
		var key Thumbprint
		binary.BigEndian.PutUint64(key[:], uint64(n))
		c := claims{"jti": fmt.Appendf(nil, `"%d"`, n)}
		proof, refusal := newFreshProof(c, &Principal{ClientID: "client", Subject: subject, Key: &key}, once)
		if refusal != nil {
			t.Fatal(refusal)
		}
		return proof.Use(t.Context())
	}
	const quarter = 1 << 16
	for n := range quarter {
		if err := use("greedy", n); err != nil {
			t.Fatalf("proof %d of %d: %v", n, quarter, err)
		}
	}
	var refusal *Error
	if err := use("greedy", quarter); !errors.As(err, &refusal) || refusal.Reason != ReplayMemoryFull {
		t.Errorf("beyond a quarter, with one more key: %v, want %s", err, ReplayMemoryFull)
	}
	// Which callers share a count is chance, so it takes two that are refused.
	if one, other := use("modest", quarter+1), use("frugal", quarter+2); one != nil && other != nil {
		t.Errorf("other callers: %v, %v", one, other)
	}
}
