package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const voidPath = "/invoices/INV-2041/void"

type request struct {
	method, path, body string
	header             map[string]string
}

func (r request) send(t *testing.T, api http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, req)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q, want application/json", got)
	}
	return w
}

func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		request request
		status  int
		code    string // of the error; "" for none
	}{
		"an invoice is found by its id":                   {request{method: "GET", path: "/invoices/INV-2041"}, 200, ""},
		"an unknown id is not found":                      {request{method: "GET", path: "/invoices/INV-1"}, 404, "invoice_not_found"},
		"an escaped slash stays inside the id":            {request{method: "GET", path: "/invoices/..%2Fhealthz"}, 404, "invoice_not_found"},
		"an open invoice can be voided":                   {request{method: "POST", path: voidPath, body: `{"reason":"duplicate"}`}, 200, ""},
		"a reason may be left out":                        {request{method: "POST", path: voidPath, body: `{}`}, 200, ""},
		"an unknown invoice cannot be voided":             {request{method: "POST", path: "/invoices/INV-1/void", body: `{}`}, 404, "invoice_not_found"},
		"a paid invoice cannot be voided":                 {request{method: "POST", path: "/invoices/INV-2040/void", body: `{}`}, 409, "not_open"},
		"a body that is not JSON is refused":              {request{method: "POST", path: voidPath, body: `reason`}, 400, "bad_body"},
		"an unknown member is refused":                    {request{method: "POST", path: voidPath, body: `{"reson":"typo"}`}, 400, "bad_body"},
		"a form is refused":                               {request{"POST", voidPath, `reason=x`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "unsupported_media_type"},
		"a body without end is refused":                   {request{method: "POST", path: voidPath, body: `{"reason":"` + strings.Repeat("x", maxBody) + `"}`}, 413, "too_large"},
		"another path is not found":                       {request{method: "GET", path: "/customers"}, 404, "no_such_path"},
		"another method is not found":                     {request{method: "DELETE", path: "/invoices/INV-2041"}, 404, "no_such_path"},
		"health needs nothing":                            {request{method: "GET", path: "/healthz"}, 200, ""},
		"a bearer token is refused, though well-meant":    {request{"GET", "/invoices/INV-2041", "", map[string]string{"Authorization": "Bearer secret"}}, 400, "credentials_not_expected"},
		"an empty Authorization header is refused":        {request{"GET", "/invoices/INV-2041", "", map[string]string{"Authorization": ""}}, 400, "credentials_not_expected"},
		"a cookie is refused":                             {request{"GET", "/invoices/INV-2041", "", map[string]string{"Cookie": "session=secret"}}, 400, "credentials_not_expected"},
		"a proof of possession is refused":                {request{"GET", "/invoices/INV-2041", "", map[string]string{"DPoP": "secret"}}, 400, "credentials_not_expected"},
		"credentials for a proxy are refused":             {request{"GET", "/invoices/INV-2041", "", map[string]string{"Proxy-Authorization": "Basic secret"}}, 400, "credentials_not_expected"},
		"credentials are refused before anything is done": {request{"POST", voidPath, `{}`, map[string]string{"Authorization": "Bearer secret"}}, 400, "credentials_not_expected"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := tc.request.send(t, newAPI(slog.New(slog.DiscardHandler)))
			var body struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("the body is not JSON: %v: %s", err, w.Body)
			}
			if w.Code != tc.status || body.Error.Code != tc.code {
				t.Errorf("got %d %q, want %d %q", w.Code, body.Error.Code, tc.status, tc.code)
			}
			if tc.code != "" && body.Error.Message == "" {
				t.Error("the error has no message")
			}
		})
	}
}

func TestAVoidedInvoiceStaysVoided(t *testing.T) {
	api := newAPI(slog.New(slog.DiscardHandler))
	request{method: "POST", path: voidPath, body: `{"reason":"duplicate"}`}.send(t, api)
	again := request{method: "POST", path: voidPath, body: `{}`}.send(t, api)
	if again.Code != http.StatusConflict {
		t.Errorf("voiding again answers %d, want 409", again.Code)
	}
	var got invoice
	if err := json.Unmarshal(request{method: "GET", path: "/invoices/INV-2041"}.send(t, api).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := invoice{ID: "INV-2041", Customer: "Adventure Works", Currency: "EUR", Total: "1240.50", Status: statusVoid, VoidReason: "duplicate"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("invoice (-want +got):\n%s", diff)
	}
}

func TestARefusedRequestVoidsNothing(t *testing.T) {
	api := newAPI(slog.New(slog.DiscardHandler))
	request{"POST", voidPath, `{}`, map[string]string{"Authorization": "Bearer secret"}}.send(t, api)
	var got invoice
	if err := json.Unmarshal(request{method: "GET", path: "/invoices/INV-2041"}.send(t, api).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != statusOpen {
		t.Errorf("the invoice is %s, want open", got.Status)
	}
}

func TestTheLogNamesHeadersAndHoldsNoValues(t *testing.T) {
	var log bytes.Buffer
	api := newAPI(slog.New(slog.NewJSONHandler(&log, nil)))
	request{"GET", "/invoices/INV-2041", "", map[string]string{"Authorization": "Bearer secret-token"}}.send(t, api)
	for _, want := range []string{`"headers":["Authorization"]`, `"msg":"credentials arrived"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), "secret-token") {
		t.Errorf("the log holds the token:\n%s", &log)
	}
}

func TestResolvePrintsAddresses(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--resolve", "localhost"}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "127.0.0.1") && !strings.Contains(out.String(), "::1") {
		t.Errorf("localhost is %q", out.String())
	}
	if err := run(t.Context(), []string{"--resolve", "no-such-host.invalid"}, &out); err == nil {
		t.Error("a name that does not exist is no error")
	}
}
