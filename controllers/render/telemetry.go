package render

import (
	"cmp"
	"strconv"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// defaultSampleRatio records every trace that its caller records.
const defaultSampleRatio = "1"

func tracingOf(in *v1alpha1.Tracing) (*config.Tracing, config.FieldErrors) {
	if in == nil {
		return nil, nil
	}
	// The CRD lets nothing else through; a manifest on a laptop has not met it.
	ratio, err := strconv.ParseFloat(cmp.Or(in.SampleRatio, defaultSampleRatio), 64)
	if err != nil {
		return nil, config.FieldErrors{{Path: "spec.telemetry.tracing.sampleRatio", Detail: strconv.Quote(in.SampleRatio) + `: want a number from "0" to "1", for example "0.1"`}}
	}
	return &config.Tracing{Endpoint: in.Endpoint, SampleRatio: &ratio, HeadersFile: traceHeaders(in).file()}, nil
}

func traceHeaders(in *v1alpha1.Tracing) *Reference {
	if in == nil {
		return nil
	}
	return secretKey("spec.telemetry.tracing.headersRef", "trace-headers", "the headers", in.HeadersRef)
}
