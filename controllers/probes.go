package controllers

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
)

const (
	// busyPause is until those look again who want what somebody else asks now.
	busyPause = time.Second
	// probeLifetime is how long a probe is kept that nobody asks any more.
	probeLifetime = time.Hour
)

// issuerPauses are those between the questions to one issuer.
var issuerPauses = backoff{resting: 10 * time.Minute, first: 2 * time.Second, last: 5 * time.Minute}

// probeID is what an issuer is asked, whoever wants to know: copies of one CA
// bundle in many namespaces make one probe.
type probeID struct {
	issuer, keysURL string
	opaque          bool
	bundle          [sha256.Size]byte
}

func identify(q issuerprobe.Question) probeID {
	return probeID{q.Issuer, q.KeysURL, q.Opaque, sha256.Sum256(q.CABundle)}
}

// probes say when issuers are to be asked, and what they answered. The zero value
// is ready for use.
type probes struct {
	mu sync.Mutex
	by map[probeID]*probe
}

type probe struct {
	asking bool
	next   time.Time
	// attempts counts the answers in a row that were not as they should be.
	attempts int
	answered bool
	answer   issuerprobe.Answer
}

// begin tells whether it is time to ask, which the caller then does, and ends.
func (p *probes) begin(id probeID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.by[id]
	if e == nil {
		e = p.add(id)
	}
	if e.asking || time.Until(e.next) > 0 {
		return false
	}
	e.asking = true
	return true
}

// add makes room for a probe, and drops those that have come out of use.
func (p *probes) add(id probeID) *probe {
	if p.by == nil {
		p.by = map[probeID]*probe{}
	}
	for other, e := range p.by {
		if !e.asking && time.Since(e.next) > probeLifetime {
			delete(p.by, other)
		}
	}
	e := new(probe)
	p.by[id] = e
	return e
}

// end keeps the answer, unless there was none for the first time: one packet lost
// is no news of an issuer.
func (p *probes) end(id probeID, answer issuerprobe.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.by[id]
	if first := e.attempts == 0; !first || !answer.Unreachable() {
		e.answered, e.answer = true, answer
	}
	e.attempts++
	if answer.Fine() {
		e.attempts = 0
	}
	e.asking, e.next = false, time.Now().Add(issuerPauses.after(e.attempts))
}

// of returns what was answered last, and how long that is good for.
func (p *probes) of(id probeID) (answer issuerprobe.Answer, answered bool, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.by[id]
	if e.asking {
		return e.answer, e.answered, busyPause
	}
	return e.answer, e.answered, max(time.Until(e.next), time.Millisecond)
}
