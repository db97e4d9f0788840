package admission

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// freeAnswer is what the answers of one request may have without memory that is
	// shared: most have less, and the places bound how many there are.
	freeAnswer = 256 << 10
	// waitingAnswers is how many requests may wait for memory, each with a free part of
	// its answer: together they take 16 MiB.
	waitingAnswers = 64
)

// ErrLarge says that the answers of one request come to more than one answer may.
var ErrLarge = errors.New("the answers are too large together")

// Answers is the memory that requests with large answers of upstreams share. Who finds
// none waits, since the call has been made: behind the caller's own other requests, and
// then behind those of everyone.
type Answers struct {
	most, share int64
	all         *semaphore.Weighted
	waiting     *Room

	mu      sync.Mutex
	callers map[string]*callerAnswers
}

// callerAnswers is one caller's share, there while requests of theirs use it.
type callerAnswers struct {
	memory *semaphore.Weighted
	users  int
}

// NewAnswers returns an Answers for requests whose answers have at most so many bytes.
func NewAnswers(most int64) *Answers {
	limit, share := pool(most)
	return &Answers{
		most: most, share: share, all: semaphore.NewWeighted(limit),
		waiting: NewRoom(waitingAnswers), callers: map[string]*callerAnswers{},
	}
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

// lease is memory of one request.
type lease struct {
	answers *Answers
	caller  string
	own     *semaphore.Weighted
	held    int64
}

func (a *Answers) take(ctx context.Context, caller string, n int64) (*lease, error) {
	l := &lease{answers: a, caller: caller, own: a.enter(caller), held: n}
	if err := l.acquire(ctx); err != nil {
		a.leave(caller)
		return nil, err
	}
	return l, nil
}

func (l *lease) acquire(ctx context.Context) error {
	if l.own.TryAcquire(l.held) {
		if l.answers.all.TryAcquire(l.held) {
			return nil
		}
		l.own.Release(l.held)
	}
	leave, ok := l.answers.waiting.Enter(l.caller)
	if !ok {
		return ErrFull
	}
	defer leave()
	if err := l.own.Acquire(ctx, l.held); err != nil {
		return err
	}
	if err := l.answers.all.Acquire(ctx, l.held); err != nil {
		l.own.Release(l.held)
		return err
	}
	return nil
}

// keep gives back what is more than n.
func (l *lease) keep(n int64) {
	if more := l.held - n; more > 0 {
		l.answers.all.Release(more)
		l.own.Release(more)
		l.held = n
	}
}

func (l *lease) give() {
	l.keep(0)
	l.answers.leave(l.caller)
}

// Answer is the memory of what one request is answered with. A nil Answer is that of work
// that nothing bounds.
type Answer struct {
	answers *Answers
	caller  string
	calls   int

	// turn is held by the one call whose large answer is being read.
	turn  chan struct{}
	read  int64
	lease *lease
	ended bool
}

// Free is how much of an answer a call may read before it asks for memory.
func (a *Answer) Free() int64 {
	if a == nil {
		return freeAnswer
	}
	return freeAnswer / int64(a.calls)
}

// Begin waits until a call may read an answer that is larger than Free, of n bytes at
// most: for memory, and for the answers of other calls of the same batch. The memory is of
// the request, so that no call waits for what another holds, and they have as much as one
// answer may. It returns how much may be read of n, and end, which has to be called with
// how much was. It returns ErrFull where too many wait, and ErrLarge where nothing is left.
func (a *Answer) Begin(ctx context.Context, n int64) (room int64, end func(read int64), err error) {
	if a == nil {
		return n, func(int64) {}, nil
	}
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	room = min(n, a.answers.most-a.read)
	if err := a.begin(ctx, n, room); err != nil {
		<-a.turn
		return 0, nil, err
	}
	return room, a.end, nil
}

func (a *Answer) begin(ctx context.Context, n, room int64) (err error) {
	switch {
	case a.ended:
		return ErrFull
	case room <= 0:
		return ErrLarge
	case a.lease != nil:
		return nil
	case a.calls > 1:
		n = a.answers.most
	}
	a.lease, err = a.answers.take(ctx, a.caller, n)
	return err
}

func (a *Answer) end(read int64) {
	if a.read += read; a.calls == 1 {
		a.lease.keep(a.read)
	}
	<-a.turn
}

// End gives everything back, once the request has been answered. A call that its caller
// has left may still be reading; it ends within its timeout.
func (a *Answer) End() {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	a.ended = true
	if a.lease != nil {
		a.lease.give()
	}
}

type answerKey struct{}

// WithAnswer returns a context that carries the memory for what a caller's request of so
// many calls is answered with. It has to be ended.
func (a *Answers) WithAnswer(ctx context.Context, caller string, calls int) (context.Context, *Answer) {
	answer := &Answer{answers: a, caller: caller, calls: calls, turn: make(chan struct{}, 1)}
	return context.WithValue(ctx, answerKey{}, answer), answer
}

// AnswerFrom returns the memory for the answer of the context's request, or nil.
func AnswerFrom(ctx context.Context) *Answer {
	a, _ := ctx.Value(answerKey{}).(*Answer)
	return a
}
