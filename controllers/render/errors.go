package render

import (
	"cmp"
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

// elsewhere are the fields of a RuntimeConfig that are not below spec in the
// manifest, or have another name there.
var elsewhere = map[string]string{ //nolint:gosec // names of fields, no credentials
	"name":                                  "metadata.name",
	"tokens.caBundleFile":                   "spec.tokens.caBundleRef",
	"tokens.introspection.clientAuth":       "spec.tokens.introspection.authMethod",
	"tokens.introspection.clientSecretFile": "spec.tokens.introspection.clientSecretRef",
	"rateLimit.redis.caBundleFile":          "spec.rateLimit.redis.caBundleRef",
	"rateLimit.redis.passwordFile":          "spec.rateLimit.redis.passwordRef",
	"logLevel":                              "spec.workload.logLevel",
}

// manifestPath returns where the field of a RuntimeConfig is in the manifest.
func manifestPath(path string) string { return cmp.Or(elsewhere[path], "spec."+path) }
