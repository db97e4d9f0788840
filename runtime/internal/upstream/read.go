package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

// read reads a whole answer. Until it has been passed on, an answer takes its size six
// times: as it came, as text, as structured content, and encoded. So one that is large
// waits for memory, and the upstream with it.
func (h *HTTP) read(ctx context.Context, resp *http.Response) ([]byte, error) {
	free := min(admission.AnswerFrom(ctx).Free(), h.maxBytes)
	switch {
	case resp.ContentLength > h.maxBytes:
		return nil, ErrTooLarge
	case resp.ContentLength > free:
		return h.readLarge(ctx, resp, nil)
	}
	begun, err := io.ReadAll(io.LimitReader(resp.Body, free+1))
	switch {
	case err != nil:
		return nil, classify(err)
	case int64(len(begun)) > h.maxBytes:
		return nil, ErrTooLarge
	case int64(len(begun)) > free: // which it did not say before
		return h.readLarge(ctx, resp, begun)
	}
	return begun, nil
}

// readLarge reads what follows begun. An answer that does not say how large it is has room
// for the largest until it has been read.
func (h *HTTP) readLarge(ctx context.Context, resp *http.Response, begun []byte) (body []byte, err error) {
	size := h.maxBytes
	if resp.ContentLength >= 0 {
		size = resp.ContentLength
	}
	room, end, err := admission.AnswerFrom(ctx).Begin(ctx, size)
	switch {
	case errors.Is(err, admission.ErrLarge):
		return nil, ErrTooLarge
	case err != nil:
		return nil, ErrBusy
	}
	defer func() { end(int64(len(body))) }()
	whole := bytes.NewBuffer(begun)
	if resp.ContentLength >= 0 {
		whole.Grow(int(size) - len(begun) + bytes.MinRead)
	}
	if _, err := io.Copy(whole, io.LimitReader(resp.Body, room+1-int64(len(begun)))); err != nil {
		return nil, classify(err)
	}
	if int64(whole.Len()) > room {
		return nil, ErrTooLarge
	}
	return whole.Bytes(), nil
}
