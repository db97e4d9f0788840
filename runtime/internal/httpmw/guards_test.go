package httpmw

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatComesAfterTheDoorSeesNoCredentials(t *testing.T) {
	req := httptest.NewRequest(http.MethodPost, "/", nil)
	for _, name := range []string{"Authorization", "DPoP", "Cookie", "Accept"} {
		req.Header.Set(name, "x")
	}
	var got http.Header
	DropCredentials(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { got = req.Header })).ServeHTTP(httptest.NewRecorder(), req)
	if diff := cmp.Diff(http.Header{"Accept": {"x"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
