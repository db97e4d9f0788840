package ingress

import (
	"regexp"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// options are the annotations that are understood, with the defaults of ingress-nginx.
type options struct {
	BodySize    string
	ReadTimeout string
	SendTimeout string
	Buffering   string
	SSLRedirect bool
	// BackendScheme is http or https. As with ingress-nginx, the certificate of the pods is not checked unless that is
	// asked for, which is not understood here.
	BackendScheme string
}

var (
	size     = regexp.MustCompile(`^[0-9]{1,9}[kKmMgG]?$`)
	seconds  = regexp.MustCompile(`^[0-9]{1,9}$`)
	onOff    = regexp.MustCompile(`^(on|off)$`)
	boolean  = regexp.MustCompile(`^(true|false)$`)
	protocol = regexp.MustCompile(`^(?i)https?$`)
)

// optionsOf takes a value only if it is well-formed: it goes into the configuration as it is.
func optionsOf(ing *networkingv1.Ingress) options {
	get := func(name, fallback string, valid *regexp.Regexp) string {
		if v, ok := ing.Annotations["nginx.ingress.kubernetes.io/"+name]; ok && valid.MatchString(v) {
			return v
		}
		return fallback
	}
	return options{
		BodySize:    get("proxy-body-size", "1m", size),
		ReadTimeout: get("proxy-read-timeout", "60", seconds) + "s",
		SendTimeout: get("proxy-send-timeout", "60", seconds) + "s",
		// nginx's own default, and the harder one for event streams: they must ask for X-Accel-Buffering: no.
		Buffering:     get("proxy-buffering", "on", onOff),
		SSLRedirect:   get("ssl-redirect", "true", boolean) == "true",
		BackendScheme: strings.ToLower(get("backend-protocol", "http", protocol)),
	}
}
