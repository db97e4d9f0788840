package authserver

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"time"
)

// Fault makes an endpoint misbehave. Its parts combine: first it waits, then it
// closes the connection, or answers Status and Body, or lets the endpoint
// answer.
type Fault struct {
	// Times is how many requests it lasts; 0 means until ClearFault.
	Times int
	// Delay holds the answer back.
	Delay time.Duration
	// Until holds the answer back until the channel is closed.
	Until <-chan struct{}
	// Close closes the connection without an answer.
	Close bool
	// Status and Body replace the answer. Status 0 with a Body means 200.
	Status int
	Body   string
	// Header is added to the answer.
	Header http.Header
	// Pad puts this many spaces before the answer's body: JSON of any size that
	// only a client with a bound refuses.
	Pad int
}

// SetFault makes endpoint misbehave from now on.
func (h *Handler) SetFault(endpoint Endpoint, fault Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[endpoint] = &fault
}

// ClearFault ends the fault of endpoint.
func (h *Handler) ClearFault(endpoint Endpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.faults, endpoint)
}

// SetOutage closes every connection without an answer, on all endpoints, until
// it is called with false.
func (h *Handler) SetOutage(down bool) {
	for _, route := range h.routes {
		if down {
			h.SetFault(route.endpoint, Fault{Close: true})
		} else {
			h.ClearFault(route.endpoint)
		}
	}
}

// takeFault returns a copy of the endpoint's fault and counts one use of it.
func (h *Handler) takeFault(endpoint Endpoint) *Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	fault := h.faults[endpoint]
	if fault == nil {
		return nil
	}
	taken := *fault
	if fault.Times--; fault.Times == 0 {
		delete(h.faults, endpoint)
	}
	return &taken
}

func (f *Fault) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.wait(r) || f.Close {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), f.Header)
		w = &padded{w, f.Pad}
		if f.Status == 0 && f.Body == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
		_, _ = w.Write([]byte(f.Body))
	})
}

// padded puts spaces between the header and the body.
type padded struct {
	http.ResponseWriter
	spaces int
}

func (p *padded) WriteHeader(status int) {
	p.ResponseWriter.WriteHeader(status)
	_, _ = p.Write(bytes.Repeat([]byte(" "), p.spaces))
}

// wait reports whether the client is still there after the fault's delays.
func (f *Fault) wait(r *http.Request) bool {
	if f.Delay > 0 && !waitFor(r, time.After(f.Delay)) {
		return false
	}
	return f.Until == nil || waitFor(r, f.Until)
}

func waitFor[T any](r *http.Request, event <-chan T) bool {
	select {
	case <-event:
		return true
	case <-r.Context().Done():
		return false
	}
}
