package authn

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/crash"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// negativeCache is how long a token that is not active is remembered: short,
// since a token may be asked about just before it becomes known.
const negativeCache = 5 * time.Second

// OpaqueConfig says how opaque tokens are verified.
type OpaqueConfig struct {
	Runtime *config.RuntimeConfig
	Policy  *policy.Policy
	// Client reaches the issuer; see NewClient.
	Client *http.Client
	// Credential is the content of the client secret's file.
	Credential []byte
	// Issuers remembers what was discovered before.
	Issuers *Issuers
	// CABundle is what Client trusts.
	CABundle []byte
	// Keys returns the issuer's keys, for issuers that sign their answers, and a
	// function that gives them back.
	Keys func(context.Context) (*Keys, func(), error)
	// Refresh is how often the issuer's metadata is read anew. Default 5 minutes.
	Refresh  time.Duration
	Observer OpaqueObserver
	Logger   *slog.Logger
}

// OpaqueObserver is told how tokens were judged and what the issuer answered.
type OpaqueObserver interface {
	VerifyObserver
	Introspected(took time.Duration, err error)
}

// Opaque judges opaque access tokens by asking the issuer (RFC 7662). An answer
// is believed for a bounded time, one question is open for a token at a time,
// and where the issuer does not answer nobody is let in.
type Opaque struct {
	cfg       OpaqueConfig
	askers    *askers
	away      atomic.Bool // the last question was not answered
	rules     *rules
	lifetime  time.Duration
	known     cache
	unknown   cache
	flight    singleflight.Group
	questions *questions
}

// NewOpaque discovers the issuer's introspection endpoint, and follows it until
// Close.
func NewOpaque(ctx context.Context, cfg OpaqueConfig) (*Opaque, error) {
	i := cfg.Runtime.Tokens.Introspection
	auth, err := newClientAuth(i, cfg.Runtime.Issuer, cfg.Credential)
	if err != nil {
		return nil, err
	}
	asker, err := newAskers(ctx, cfg, introspector{
		issuer: cfg.Runtime.Issuer, clientID: i.ClientID, client: cfg.Client, auth: auth, skew: cfg.Policy.ClockSkew,
		stale: maxStale(&cfg.Runtime.Tokens), algorithms: cfg.Runtime.Tokens.AllowedAlgorithms(),
	})
	if err != nil {
		return nil, err
	}
	lifetime := time.Duration(i.CacheSeconds) * time.Second
	if lifetime == 0 {
		lifetime = config.DefaultIntrospectionCacheSeconds * time.Second
	}
	return &Opaque{
		cfg: cfg, askers: asker, rules: newRules(cfg.Runtime, cfg.Policy), lifetime: lifetime, questions: newQuestions(),
	}, nil
}

// Close stops following the issuer. Tokens can still be verified.
func (o *Opaque) Close() { o.askers.close() }

// Verify implements Authenticator.
func (o *Opaque) Verify(ctx context.Context, token string) (*Principal, error) {
	now := time.Now()
	d := digest(sha256.Sum256([]byte(token)))
	if p, err := o.remembered(d, now); p != nil || err != nil {
		o.cfg.Observer.TokenCached()
		return p, err
	}
	p, err := o.join(ctx, d, token)
	o.cfg.Observer.TokenVerified(time.Since(now), err)
	return p, err
}

// remembered returns what the issuer has said of the token, nothing if that is not
// known or known no more.
func (o *Opaque) remembered(d digest, now time.Time) (*Principal, error) {
	if p := o.known.get(d, 0, now); p != nil {
		return p, nil
	}
	if o.unknown.get(d, 0, now) != nil {
		return nil, refuse(Inactive, "the issuer said a moment ago that the token is not active")
	}
	return nil, nil
}

// join shares the question about one token among all who bring it, and waits for
// the answer beside the requests that are worked on.
func (o *Opaque) join(ctx context.Context, d digest, token string) (p *Principal, err error) {
	full := admission.FromContext(ctx).Wait(func() {
		select {
		case result := <-o.start(ctx, d, token):
			p, _ = result.Val.(*Principal)
			err = result.Err
		case <-ctx.Done():
			err = refuse(CallerLeft, "the caller left before the issuer answered")
		}
	})
	if full != nil {
		return nil, crowded("too many requests wait for the issuer")
	}
	return p, err
}

// start asks the question unless it is open already. It outlives the request
// that began it, within the client's timeout.
func (o *Opaque) start(ctx context.Context, d digest, token string) <-chan singleflight.Result {
	source := admission.FromContext(ctx).Source()
	// The request's place is not the question's to wait with.
	ctx = admission.WithPass(context.WithoutCancel(ctx), nil)
	return o.flight.DoChan(string(d[:]), func() (_ any, err error) {
		defer func() {
			if p := recover(); p != nil { // nothing else would stop it in this goroutine
				o.cfg.Logger.ErrorContext(ctx, "introspection panicked", crash.Attrs(p)...)
				err = refuse(Unavailable, "the answer of the issuer could not be judged")
			}
		}()
		// The question before this one may have been answered since its caller looked.
		if p, err := o.remembered(d, time.Now()); p != nil || err != nil {
			return p, err
		}
		return o.ask(ctx, source, d, token)
	})
}

func (o *Opaque) ask(ctx context.Context, source string, d digest, token string) (*Principal, error) {
	done, refusal := o.questions.begin(ctx, source)
	if refusal != nil {
		return nil, refusal
	}
	defer done()
	start := time.Now()
	answer, err := o.askers.ask(ctx, token)
	o.cfg.Observer.Introspected(time.Since(start), err)
	o.report(err)
	if err != nil {
		return nil, refuse(Unavailable, "the issuer did not say whether the token is active")
	}
	now := time.Now()
	p, refusal := o.judge(answer, now)
	if refusal != nil {
		o.unknown.put(d, 0, &Principal{Expires: now.Add(min(negativeCache, o.lifetime))}, now)
		return nil, refusal
	}
	remembered := *p
	if limit := now.Add(o.lifetime); limit.Before(remembered.Expires) {
		remembered.Expires = limit
	}
	o.known.put(d, 0, &remembered, now)
	// What lives longer than the answer is believed, a stream above all, would
	// outlive a revocation.
	return &remembered, nil
}

// report logs that the issuer stops answering, and that it answers again. An
// outage would write a line for each token otherwise; the metric counts them.
func (o *Opaque) report(err error) {
	if away := err != nil; o.away.Swap(away) == away {
		return
	}
	if err != nil {
		o.cfg.Logger.Warn("the issuer does not answer questions about tokens; those that are not remembered are refused", "issuer", o.cfg.Runtime.Issuer, "error", err)
		return
	}
	o.cfg.Logger.Info("the issuer answers questions about tokens again", "issuer", o.cfg.Runtime.Issuer)
}

// judge looks at an active answer as it would at a JWT's claims. The issuer may
// leave iss out, since it is the issuer that answers.
func (o *Opaque) judge(answer claims, now time.Time) (*Principal, *Error) {
	if answer == nil {
		return nil, refuse(Inactive, "the issuer says that the token is not active")
	}
	if _, ok := answer["iss"]; !ok {
		raw, _ := json.Marshal(o.cfg.Runtime.Issuer)
		answer["iss"] = raw
	}
	p, err := o.rules.judge(answer, false, now)
	if err != nil {
		return nil, err
	}
	return p, answer.checkTokenType(p)
}
