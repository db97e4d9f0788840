package admission

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Answers is the memory that large answers of upstreams share. Who finds none waits,
// since the call has been made: each caller behind their own other answers, and then
// behind those of everyone.
type Answers struct {
	all   *semaphore.Weighted
	share int64

	mu      sync.Mutex
	callers map[string]*callerAnswers
}

// callerAnswers is one caller's share, there while requests of theirs use it.
type callerAnswers struct {
	memory *semaphore.Weighted
	users  int
}

// NewAnswers returns an Answers for what has at most so many bytes.
func NewAnswers(most int64) *Answers {
	limit, share := pool(most)
	return &Answers{all: semaphore.NewWeighted(limit), share: share, callers: map[string]*callerAnswers{}}
}

func (a *Answers) enter(caller string) *semaphore.Weighted {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.callers[caller]
	if own == nil {
		own = &callerAnswers{memory: semaphore.NewWeighted(a.share)}
		a.callers[caller] = own
	}
	own.users++
	return own.memory
}

func (a *Answers) leave(caller string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if own := a.callers[caller]; own.users == 1 {
		delete(a.callers, caller)
	} else {
		own.users--
	}
}

// take takes n and returns how to give it back.
func (a *Answers) take(ctx context.Context, caller string, n int64, wait bool) (give func(), err error) {
	own := a.enter(caller)
	if err := acquire(ctx, own, n, wait); err != nil {
		a.leave(caller)
		return nil, err
	}
	if err := acquire(ctx, a.all, n, wait); err != nil {
		own.Release(n)
		a.leave(caller)
		return nil, err
	}
	return func() {
		a.all.Release(n)
		own.Release(n)
		a.leave(caller)
	}, nil
}

func acquire(ctx context.Context, memory *semaphore.Weighted, n int64, wait bool) error {
	if wait {
		return memory.Acquire(ctx, n)
	}
	if !memory.TryAcquire(n) {
		return ErrFull
	}
	return nil
}

// Answer is the memory of one request's answer. A nil Answer is that of work that
// nothing bounds.
type Answer struct {
	answers *Answers
	caller  string

	mu    sync.Mutex
	asked bool
	given bool
	held  []func()
}

// Take takes n bytes, of at most what NewAnswers was told, and waits for them until the
// context ends. Only what a request takes first waits: a batch that waited for more
// would wait for itself. It finds room for the rest at once, or gets ErrFull.
func (a *Answer) Take(ctx context.Context, n int64) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	first := !a.asked
	a.asked = true
	a.mu.Unlock()
	give, err := a.answers.take(ctx, a.caller, n, first)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.given { // the request ended meanwhile
		give()
		return ErrFull
	}
	a.held = append(a.held, give)
	return nil
}

// Give gives all of it back, once the answer has been written.
func (a *Answer) Give() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given = true
	for _, give := range a.held {
		give()
	}
	a.held = nil
}

type answerKey struct{}

// WithAnswer returns a context that carries the memory of a caller's answer, which has
// to be given back.
func (a *Answers) WithAnswer(ctx context.Context, caller string) (context.Context, *Answer) {
	answer := &Answer{answers: a, caller: caller}
	return context.WithValue(ctx, answerKey{}, answer), answer
}

// AnswerFrom returns the memory of the request's answer, or nil.
func AnswerFrom(ctx context.Context) *Answer {
	a, _ := ctx.Value(answerKey{}).(*Answer)
	return a
}
