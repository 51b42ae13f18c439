// Steps side by side, over the contract's `select`.

package pawl

import (
	"cmp"
	"errors"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Parallel is steps that go on side by side: one that sleeps or waits for another try does
// not hold up the rest. Nothing begins before [Parallel.Join] or [Parallel.Race].
//
//	both := step.Parallel()
//	label := pawl.Go(both, "print label", printLabel)
//	paid := both.WaitForEvent("payment", pawl.On{Event: "shop/order.paid", Match: "data.id"})
//	if err := both.Join(); err != nil {
//		return nil, err
//	}
//	text, _ := label.Get()
//
// What the host does by itself goes on at once; code is executed one after the other in
// this instance, or at the same time in others, as the host sees fit.
type Parallel struct {
	branches []branch
	wrong    error
}

// branch is a step that is asked for, and what takes its outcome.
type branch struct {
	request host.Request
	settle  func(host.Outcome) error
}

// Output is what a step of a [Parallel] gives, once it is settled.
type Output[T any] struct {
	value     T
	err       error
	isSettled bool
}

// Get is what the step returned, or the error that it failed with for good.
func (o *Output[T]) Get() (T, error) {
	if !o.isSettled {
		return o.value, NoRetry(errors.New("a parallel step's output is there when it is settled"))
	}
	return o.value, o.err
}

// IsSettled says whether the step has come to its end: after [Parallel.Join] each one has,
// after [Parallel.Race] the winner.
func (o *Output[T]) IsSettled() bool { return o.isSettled }

// Parallel is a list to add steps to.
func (Step) Parallel() *Parallel { return &Parallel{} }

// Go adds a step of code; see [Run].
func Go[T any](all *Parallel, id string, code func(Attempt) (T, error), options ...Options) *Output[T] {
	return add(all, id, codeErrand(code, options))
}

// GoInvoke adds a call of another function; see [Invoke].
func GoInvoke[T any](all *Parallel, id string, call Invocation) *Output[T] {
	return add(all, id, invokeErrand[T](call))
}

// Sleep adds a wait.
func (p *Parallel) Sleep(id string, span time.Duration) *Output[struct{}] {
	return add(p, id, sleepErrand(span))
}

// SleepUntil adds a wait until a moment.
func (p *Parallel) SleepUntil(id string, at time.Time) *Output[struct{}] {
	return add(p, id, sleepUntilErrand(at))
}

// WaitForEvent adds a wait for an event; see [Step.WaitForEvent].
func (p *Parallel) WaitForEvent(id string, on On) *Output[*Event] { return add(p, id, waitErrand(on)) }

// SendEvent adds events to send; see [Step.SendEvent].
func (p *Parallel) SendEvent(id string, events ...NewEvent) *Output[[]string] {
	return add(p, id, sendErrand(events))
}

// Fetch adds a request that the host makes; see [Step.Fetch].
func (p *Parallel) Fetch(id string, request Request, options ...Options) *Output[*Response] {
	return add(p, id, fetchErrand(request, options))
}

func add[T any](p *Parallel, id string, errand errand[T]) *Output[T] {
	output := &Output[T]{}
	if errand.wrong != nil {
		// nothing of the list begins
		p.wrong = cmp.Or(p.wrong, errand.wrong)
		output.err, output.isSettled = errand.wrong, true
		return output
	}
	p.branches = append(p.branches, branch{host.Request{ID: id, Op: errand.op}, func(outcome host.Outcome) error {
		output.value, output.err = errand.settle(outcome)
		output.isSettled = true
		return output.err
	}})
	return output
}

// Join goes on when every step is settled. The error is that of the step that failed
// first; each step's own is in its [Output].
func (p *Parallel) Join() error {
	var failed error
	err := p.settle(func(_ int, err error) bool {
		if failed == nil {
			failed = err
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

// Race goes on when the first step is settled, and gives its place, from 0, and the error
// that it failed with. The others are left: what the host does for them goes on, and their
// outputs are not there.
func (p *Parallel) Race() (int, error) {
	winner := -1
	var failed error
	err := p.settle(func(place int, err error) bool {
		winner, failed = place, err
		return false
	})
	switch {
	case err != nil:
		return -1, err
	case winner < 0:
		return -1, NoRetry(errors.New("a race without any steps has no winner"))
	}
	return winner, failed
}

// settle asks the host until every step is settled, or the caller has heard enough; it
// hears of each in the order in which they came to their end.
func (p *Parallel) settle(heard func(place int, err error) (goOn bool)) error {
	if p.wrong != nil {
		return p.wrong
	}
	open := make([]int, len(p.branches))
	for place := range open {
		open[place] = place
	}
	for len(open) > 0 {
		requests := make([]host.Request, len(open))
		for i, place := range open {
			requests[i] = p.branches[place].request
		}
		isOver := make([]bool, len(open))
		for _, answer := range settledFirst(host.Current.Select(requests)) {
			if answer.Place >= len(open) || isOver[answer.Place] {
				return NoRetry(errors.New("the host answered for a step that was not asked for"))
			}
			isOver[answer.Place] = true
			place := open[answer.Place]
			if !heard(place, p.branches[place].settle(answer.Outcome)) {
				return nil
			}
		}
		rest := open[:0]
		for i, place := range open {
			if !isOver[i] {
				rest = append(rest, place)
			}
		}
		open = rest
	}
	return nil
}

// settledFirst puts what is to be executed here behind what is settled already.
func settledFirst(answers []host.Answer) []host.Answer {
	var settled, code []host.Answer
	for _, answer := range answers {
		if answer.Outcome.Execute == nil {
			settled = append(settled, answer)
		} else {
			code = append(code, answer)
		}
	}
	return append(settled, code...)
}
