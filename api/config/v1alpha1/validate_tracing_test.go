package v1alpha1

import (
	"math"
	"testing"
)

func TestTracingSettings(t *testing.T) {
	ratio := func(f float64) *float64 { return &f }
	for name, tc := range map[string]struct {
		tracing *Tracing
		path    string // of the error, "" for none
	}{
		"none":                      {nil, ""},
		"a collector":               {&Tracing{Endpoint: "http://collector.observability:4318"}, ""},
		"a collector below a path":  {&Tracing{Endpoint: "https://otlp.example.com/otlp", SampleRatio: ratio(0.25)}, ""},
		"nothing recorded":          {&Tracing{Endpoint: "http://collector:4318", SampleRatio: ratio(0)}, ""},
		"no endpoint":               {&Tracing{}, "tracing.endpoint"},
		"an address":                {&Tracing{Endpoint: "collector:4318"}, "tracing.endpoint"},
		"another scheme":            {&Tracing{Endpoint: "grpc://collector:4317"}, "tracing.endpoint"},
		"a password in the URL":     {&Tracing{Endpoint: "https://user:s3cr3t@collector"}, "tracing.endpoint"},
		"a query":                   {&Tracing{Endpoint: "https://collector?key=s3cr3t"}, "tracing.endpoint"},
		"a space":                   {&Tracing{Endpoint: "https://collector/a b"}, "tracing.endpoint"},
		"a fragment":                {&Tracing{Endpoint: "https://collector#x"}, "tracing.endpoint"},
		"a ratio above one":         {&Tracing{Endpoint: "http://collector", SampleRatio: ratio(1.5)}, "tracing.sampleRatio"},
		"a ratio below zero":        {&Tracing{Endpoint: "http://collector", SampleRatio: ratio(-0.1)}, "tracing.sampleRatio"},
		"a ratio that is no number": {&Tracing{Endpoint: "http://collector", SampleRatio: ratio(math.NaN())}, "tracing.sampleRatio"},
	} {
		var errs FieldErrors
		validateTracing(tc.tracing, &errs)
		if tc.path == "" && len(errs) > 0 || tc.path != "" && (len(errs) != 1 || errs[0].Path != tc.path) {
			t.Errorf("%s: errors %v, want %q", name, errs, tc.path)
		}
	}
}
