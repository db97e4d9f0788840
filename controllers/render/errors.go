package render

import (
	"errors"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// manifestErrors puts errors of a RuntimeConfig where the person wrote the
// cause of them.
func manifestErrors(err error) config.FieldErrors {
	if err == nil {
		return nil
	}
	var fields config.FieldErrors
	if !errors.As(err, &fields) {
		return config.FieldErrors{{Path: "spec", Detail: err.Error()}}
	}
	out := make(config.FieldErrors, len(fields))
	for i, f := range fields {
		out[i] = config.FieldError{Path: manifestPath(f.Path), Detail: f.Detail}
	}
	return out
}

// manifestPath returns where the field of a RuntimeConfig is in the manifest:
// below spec, with two exceptions.
func manifestPath(path string) string {
	switch path {
	case "name":
		return "metadata.name"
	case "tokens.caBundleFile":
		return "spec.tokens.caBundleRef"
	default:
		return "spec." + path
	}
}
