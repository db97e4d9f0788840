package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

// smallAnswer is what an answer may have without a share of the memory for answers.
const smallAnswer = 256 << 10

// read reads a whole answer. Until it has been passed on, one answer takes its size six
// times: as it came, as text, as structured content, and encoded. So what is large waits
// for its share of the memory, and the upstream with it.
func (h *HTTP) read(ctx context.Context, resp *http.Response) ([]byte, error) {
	if resp.ContentLength > h.maxBytes {
		return nil, ErrTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, min(smallAnswer, h.maxBytes)+1))
	if err != nil {
		return nil, classify(err)
	}
	if int64(len(body)) > smallAnswer {
		if body, err = h.readLarge(ctx, resp, body); err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > h.maxBytes {
		return nil, ErrTooLarge
	}
	return body, nil
}

// readLarge reads the rest behind begun.
func (h *HTTP) readLarge(ctx context.Context, resp *http.Response, begun []byte) ([]byte, error) {
	size := h.maxBytes
	if resp.ContentLength >= 0 {
		size = resp.ContentLength
	}
	if err := admission.AnswerFrom(ctx).Take(ctx, size); err != nil {
		return nil, ErrBusy
	}
	whole := bytes.NewBuffer(begun)
	if resp.ContentLength >= 0 {
		whole.Grow(int(size) - len(begun) + bytes.MinRead)
	}
	if _, err := io.Copy(whole, io.LimitReader(resp.Body, h.maxBytes+1-int64(len(begun)))); err != nil {
		return nil, classify(err)
	}
	return whole.Bytes(), nil
}
