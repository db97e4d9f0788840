package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/app"
)

const (
	// enforceTimeout is how long a person waits before being told why nothing
	// happens. It covers one slow fetch of the issuer's keys.
	enforceTimeout = 10 * time.Second
	pollInterval   = 20 * time.Millisecond
)

// awaitEnforced returns once the runtime enforces revision, or with the reason
// why it does not after enforceTimeout.
func awaitEnforced(ctx context.Context, admin, revision string) error {
	ctx, cancel := context.WithTimeout(ctx, enforceTimeout)
	defer cancel()
	reason := errors.New("the runtime does not answer")
	for {
		status, err := askConfigz(ctx, admin)
		switch {
		case err == nil && status.Revision == revision:
			return nil
		case err == nil && status.Error != "":
			reason = errors.New(status.Error)
		}
		select {
		case <-ctx.Done():
			return reason
		case <-time.After(pollInterval):
		}
	}
}

func askConfigz(ctx context.Context, admin string) (*app.ConfigStatus, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/configz", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var status app.ConfigStatus
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		return nil, fmt.Errorf("decoding /configz: %w", err)
	}
	return &status, nil
}
