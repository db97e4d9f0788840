package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
)

const maxBody = 64 << 10

// credentialHeaders are the ways in which a caller's credentials could leak
// through to here.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Dpop"}

// newAPI serves
//
//	GET  /invoices/{id}        the invoice
//	POST /invoices/{id}/void   {"reason": "..."}: the voided invoice
//
// Errors are {"error": {"code": "...", "message": "..."}}.
func newAPI(log *slog.Logger) http.Handler {
	l := newLedger()
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", answer(func(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil }))
	mux.Handle("GET /invoices/{id}", answer(func(r *http.Request) (any, error) { return l.get(r.PathValue("id")) }))
	mux.Handle("POST /invoices/{id}/void", answer(func(r *http.Request) (any, error) {
		var body struct {
			Reason string `json:"reason"`
		}
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		return l.void(r.PathValue("id"), body.Reason)
	}))
	mux.Handle("/", answer(func(r *http.Request) (any, error) {
		return nil, &apiError{http.StatusNotFound, "no_such_path", fmt.Sprintf("there is no %s %s; want GET /invoices/{id} or POST /invoices/{id}/void", r.Method, r.URL.Path)}
	}))
	return refuseCredentials(log, mux)
}

// refuseCredentials answers 400 to a request that carries somebody's
// credentials. It logs the names of the headers that arrive, never a value.
func refuseCredentials(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			log.InfoContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "headers", slices.Sorted(maps.Keys(r.Header)))
		}
		for _, name := range credentialHeaders {
			if len(r.Header.Values(name)) > 0 {
				log.ErrorContext(r.Context(), "credentials arrived", "header", name)
				writeError(w, &apiError{http.StatusBadRequest, "credentials_not_expected", "the request carries the header " + name + "; a caller's credentials must never get here"})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.message }

func notFound(id string) error {
	return &apiError{http.StatusNotFound, "invoice_not_found", fmt.Sprintf("there is no invoice %q; ids look like INV-2041", id)}
}

func conflict(message string) error { return &apiError{http.StatusConflict, "not_open", message} }

func decode(r *http.Request, into any) error {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return &apiError{http.StatusUnsupportedMediaType, "unsupported_media_type", "want Content-Type application/json"}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &apiError{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("want a body of at most %d bytes", maxBody)}
	case err != nil:
		return &apiError{http.StatusBadRequest, "bad_body", `want a JSON object like {"reason": "duplicate"}: ` + err.Error()}
	}
	return nil
}

// answer writes what the function returns, as JSON.
func answer(do func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := do(r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

func writeError(w http.ResponseWriter, err error) {
	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{http.StatusInternalServerError, "internal", "internal error"}
	}
	writeJSON(w, known.status, map[string]any{"error": map[string]string{"code": known.code, "message": known.message}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller has gone
}
