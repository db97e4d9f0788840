package v1alpha1

func validateTLS(t *TLS, errs *FieldErrors) {
	if t == nil {
		return
	}
	switch t.MinVersion {
	case "", TLS12, TLS13:
	default:
		errs.add("tls.minVersion", "%q: want %s or %s", t.MinVersion, TLS12, TLS13)
	}
}
