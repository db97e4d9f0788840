package controllers

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
)

var (
	fine        = issuerprobe.Answer{Reason: v1alpha1.ReasonIssuerDiscovered}
	unreachable = issuerprobe.Answer{Reason: v1alpha1.ReasonIssuerUnreachable}
	keyless     = issuerprobe.Answer{Reason: v1alpha1.ReasonKeysMissing}
)

func TestWhatCountsAsAnAnswerOfAnIssuer(t *testing.T) {
	tests := map[string]struct {
		answers []issuerprobe.Answer
		want    string // the reason of what is known then
	}{
		"none":                                   {nil, ""},
		"a good one":                             {[]issuerprobe.Answer{fine}, "IssuerDiscovered"},
		"silence, once":                          {[]issuerprobe.Answer{unreachable}, ""},
		"silence, twice":                         {[]issuerprobe.Answer{unreachable, unreachable}, "IssuerUnreachable"},
		"a good one, then silence, once":         {[]issuerprobe.Answer{fine, unreachable}, "IssuerDiscovered"},
		"a good one, then silence, twice":        {[]issuerprobe.Answer{fine, unreachable, unreachable}, "IssuerUnreachable"},
		"silence between good ones, each time":   {[]issuerprobe.Answer{fine, unreachable, fine, unreachable}, "IssuerDiscovered"},
		"a bad one":                              {[]issuerprobe.Answer{fine, keyless}, "KeysMissing"},
		"silence after a bad one":                {[]issuerprobe.Answer{keyless, unreachable}, "IssuerUnreachable"},
		"a good one after silence":               {[]issuerprobe.Answer{unreachable, unreachable, fine}, "IssuerDiscovered"},
		"a bad one after silence, said at once":  {[]issuerprobe.Answer{unreachable, keyless}, "KeysMissing"},
		"a good one after silence, said at once": {[]issuerprobe.Answer{unreachable, fine}, "IssuerDiscovered"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p probes
				id := probeID{issuer: name}
				p.begin(id)
				for _, answer := range test.answers {
					p.end(id, answer)
				}
				if got, answered, _ := p.of(id); got.Reason != test.want || answered != (test.want != "") {
					t.Errorf("knows %q (%t), want %q", got.Reason, answered, test.want)
				}
			})
		})
	}
}

func TestIssuersAreAskedAgainSoonOrLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probes
		id := probeID{issuer: "a"}
		ask := func(answer issuerprobe.Answer) time.Duration {
			t.Helper()
			if !p.begin(id) {
				t.Fatal("it is not time to ask")
			}
			if _, _, left := p.of(id); left != busyPause || p.begin(id) {
				t.Fatalf("while it is asked, look again after %s, want %s and no second question", left, busyPause)
			}
			p.end(id, answer)
			_, _, left := p.of(id)
			time.Sleep(left - time.Millisecond)
			if p.begin(id) {
				t.Fatalf("asked again before %s are over", left)
			}
			time.Sleep(time.Millisecond)
			return left
		}
		if pause := ask(fine); pause < 10*time.Minute || pause > 13*time.Minute {
			t.Errorf("at rest the pause is %s, want 10 to 13 minutes", pause)
		}
		for _, least := range []time.Duration{2, 4, 8, 16} {
			least *= time.Second
			if pause := ask(unreachable); pause < least || pause > least*13/10 {
				t.Errorf("the pause is %s, want %s and a little", pause, least)
			}
		}
		for range 40 {
			ask(keyless)
		}
		if pause := ask(keyless); pause < 5*time.Minute || pause > 7*time.Minute {
			t.Errorf("in the long run the pause is %s, want 5 to 6.5 minutes", pause)
		}
		if pause := ask(fine); pause < 10*time.Minute {
			t.Errorf("the pause is %s after it is as it should be again", pause)
		}
	})
}

// Whoever may write servers can name ever new issuers.
func TestProbesThatNobodyAsksAnyMoreAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probes
		for i := range 100 {
			id := probeID{issuer: fmt.Sprint(i)}
			p.begin(id)
			p.end(id, keyless)
			time.Sleep(10 * time.Minute)
		}
		if n := len(p.by); n > 10 {
			t.Errorf("%d probes are kept, want those of the last hour or so", n)
		}
	})
}
