package serve

import (
	"errors"
	"testing"
)

func TestAddressesBecomeURLsOfThisMachine(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"127.0.0.2:80":   "http://127.0.0.2:80",
		"localhost:8080": "http://localhost:8080",
		"[::1]:8080":     "http://[::1]:8080",
		":8080":          "http://127.0.0.1:8080",
		"0.0.0.0:8080":   "http://127.0.0.1:8080",
		"[::]:8080":      "http://127.0.0.1:8080",
	} {
		if got, err := loopbackURL("--listen", address); err != nil || got != want {
			t.Errorf("%s: %q, error %v; want %q", address, got, err, want)
		}
	}
	for _, address := range []string{"192.0.2.1:80", "mcp.example.com:80", "8080", "", "[::2]:80"} {
		if got, err := loopbackURL("--listen", address); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %q, error %v; want a usage error", address, got, err)
		}
	}
}

func TestOthersDoNotReachWhatGivesAnyTokenAway(t *testing.T) {
	for _, address := range []string{"127.0.0.1:9000", "127.0.0.2:0", "localhost:9000", "[::1]:9000"} {
		if err := onlyLoopback("--dev-issuer", address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{":9000", "0.0.0.0:9000", "[::]:9000", "192.0.2.1:9000", "auth.example.com:9000", "localhost.example.com:9000", "9000", ""} {
		if err := onlyLoopback("--dev-issuer", address); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: error %v; want a usage error", address, err)
		}
	}
}

func TestPortZeroBecomesAFreePortAndOthersStay(t *testing.T) {
	if got, err := concretePort(t.Context(), "--listen", "127.0.0.1:8080"); err != nil || got != "127.0.0.1:8080" {
		t.Errorf("%q, error %v", got, err)
	}
	got, err := concretePort(t.Context(), "--listen", "127.0.0.1:0")
	if err != nil || got == "127.0.0.1:0" {
		t.Errorf("%q, error %v; want a port", got, err)
	}
	if _, err := concretePort(t.Context(), "--listen", "127.0.0.1"); !errors.Is(err, ErrUsage) {
		t.Errorf("error %v; want a usage error", err)
	}
}
