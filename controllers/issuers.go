package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/controllers/render"
)

// issuerQuestion is what a server wants to know of its issuer. All servers that
// want to know the same share one answer.
type issuerQuestion struct {
	issuer, keysURL string
	opaque          bool
	// bundle and key are where the CA bundle is; "" is nowhere.
	bundle client.ObjectKey
	key    string
}

func questionOf(s *v1alpha1.SecuredMCPServer) issuerQuestion {
	tokens := &s.Spec.Tokens
	q := issuerQuestion{issuer: s.Spec.Issuer, keysURL: tokens.JWKSURI, opaque: tokens.Type == v1alpha1.TokenTypeOpaque}
	if ref := tokens.CABundleRef; ref != nil {
		q.bundle, q.key = client.ObjectKey{Namespace: s.Namespace, Name: ref.Name}, cmp.Or(ref.Key, render.DefaultCABundleKey)
	}
	return q
}

// issuers are the answers that servers want. They are kept in memory: after a
// restart the issuers are asked again. The zero value is ready for use.
type issuers struct {
	mu    sync.Mutex
	wants map[client.ObjectKey]issuerQuestion
	known map[issuerQuestion]*issuer
	// ask has a question put; nil until somebody does that.
	ask func(issuerQuestion)
}

type issuer struct {
	servers  map[client.ObjectKey]bool
	answered bool
	answer   issuerprobe.Answer
}

// of returns what was answered last to q, which server wants to know from now on.
func (i *issuers) of(server client.ObjectKey, q issuerQuestion) (answer issuerprobe.Answer, answered bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if before, ok := i.wants[server]; ok && before != q {
		i.leave(server, before)
	}
	e := i.known[q]
	if e == nil {
		e = i.add(q)
	}
	i.wants[server], e.servers[server] = q, true
	return e.answer, e.answered
}

// add begins with a question that nobody has wanted so far.
func (i *issuers) add(q issuerQuestion) *issuer {
	if i.known == nil {
		i.known, i.wants = map[issuerQuestion]*issuer{}, map[client.ObjectKey]issuerQuestion{}
	}
	e := &issuer{servers: map[client.ObjectKey]bool{}}
	i.known[q] = e
	if i.ask != nil {
		i.ask(q)
	}
	return e
}

// begin has questions put by ask, those too that have waited for it.
func (i *issuers) begin(ask func(issuerQuestion)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ask = ask
	for q := range i.known {
		ask(q)
	}
}

// wanted tells whether any server wants to know the answer to q.
func (i *issuers) wanted(q issuerQuestion) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.known[q] != nil
}

// record keeps the answer to q, and returns the servers for which it is news.
func (i *issuers) record(q issuerQuestion, answer issuerprobe.Answer) []client.ObjectKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.known[q]
	if e == nil || e.answered && e.answer.Equal(&answer) {
		return nil
	}
	e.answered, e.answer = true, answer
	return slices.Collect(maps.Keys(e.servers))
}

// forget is for a server that is gone.
func (i *issuers) forget(server client.ObjectKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if q, ok := i.wants[server]; ok {
		i.leave(server, q)
		delete(i.wants, server)
	}
}

// leave forgets what the last server wanted to know, with i.mu held.
func (i *issuers) leave(server client.ObjectKey, q issuerQuestion) {
	e := i.known[q]
	delete(e.servers, server)
	if len(e.servers) == 0 {
		delete(i.known, q)
	}
}
