package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
	"github.com/securedmcp/operator/runtime/internal/tracing"
)

// newTracer returns nil where nothing is traced. Closing it sends what is left,
// which takes time that no request is made to wait for.
func (b *builder) newTracer(ctx context.Context, c *config.RuntimeConfig, files map[string][]byte, held *closers) (*tracing.Tracer, error) {
	if c.Tracing == nil {
		return nil, nil
	}
	headers, err := tracing.ParseHeaders(files[c.Tracing.HeadersFile])
	if err != nil {
		return nil, fmt.Errorf("tracing.headersFile: %w", err)
	}
	ratio := 1.0
	if r := c.Tracing.SampleRatio; r != nil {
		ratio = *r
	}
	t, err := tracing.New(ctx, tracing.Config{
		Endpoint: c.Tracing.Endpoint, Headers: headers, SampleRatio: ratio,
		Service: c.Name, Version: b.options.Version, Resource: c.Resource,
		Reporter: &exports{metrics: b.metrics, logger: b.options.Logger, endpoint: c.Tracing.Endpoint},
	})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	held.add(func() { b.closing.Go(t.Close) })
	return t, nil
}

// exports counts what becomes of spans, and logs when that changes.
type exports struct {
	metrics  *telemetry.Metrics
	logger   *slog.Logger
	endpoint string
	failing  atomic.Bool
}

// SpansExported implements tracing.Reporter.
func (e *exports) SpansExported(spans int, err error) {
	e.metrics.SpansExported(spans, err)
	failing := err != nil
	if e.failing.Swap(failing) == failing {
		return
	}
	if failing {
		e.logger.Warn("spans are not exported and dropped", "endpoint", e.endpoint, "error", err)
		return
	}
	e.logger.Info("spans are exported again", "endpoint", e.endpoint)
}
