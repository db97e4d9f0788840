package issuerprobe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// fault is why the issuer is not as it should be, as a condition says it.
type fault struct {
	reason, message string
	// early is set when nobody at the issuer's host was spoken to: other documents
	// of the host would fare no better.
	early bool
}

func (f *fault) answer() Answer { return Answer{Reason: f.reason, message: f.message} }

// unanswered says in words of ours why there is no answer: the text of errors has
// what differs from one attempt to the next, such as ports and times, and what the
// other side wrote, such as names in its certificate.
func (t *target) unanswered(err error) *fault {
	if where, ok := errors.AsType[*addressError](err); ok {
		return &fault{v1alpha1.ReasonAddressNotAllowed, fmt.Sprintf("GET %s: %s, where the operator asks nobody", t.name, where), true}
	}
	if doubt, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault{v1alpha1.ReasonIssuerUntrusted, fmt.Sprintf("GET %s: %s", t.name, certificateTrouble(doubt)), true}
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return &fault{v1alpha1.ReasonIssuerUnreachable, fmt.Sprintf("GET %s: %s", t.name, networkTrouble(err)), ok && dial.Op == "dial"}
}

func certificateTrouble(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "no trusted authority vouches for its certificate; a private one belongs into spec.tokens.caBundleRef"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "its certificate has expired or is not valid yet"
	}
	return "its certificate does not verify"
}

func networkTrouble(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return "there is no such host"
		}
		return "the host's name cannot be resolved"
	}
	if late, ok := errors.AsType[net.Error](err); (ok && late.Timeout()) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ends before the answer does"
	}
	return "what answers does not speak HTTP as wanted"
}
