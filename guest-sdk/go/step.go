// Steps one by one: code that is executed once, and how any step is asked for and settled.

package pawl

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Step is the run's steps: what it does once, however often its function is called.
//
// The host calls a function again from its start whenever the run goes on: after a sleep,
// before another try, after a crash. So everything that touches the world belongs into a
// step, and what is outside must come to the same each time. A step inside of another
// step's code is refused.
type Step struct{}

// Attempt is one try of a step's code.
type Attempt struct{ inner host.Attempt }

// Number is which try it is, from 0.
func (a Attempt) Number() uint32 { return a.inner.Number() }

// Max is how many tries the step has in all.
func (a Attempt) Max() uint32 { return a.inner.Max() }

// IsLast says whether a failure now is the step's last.
func (a Attempt) IsLast() bool { return a.Number()+1 >= a.Max() }

// IdempotencyKey is the same for every try of this step, and for no other step: for outside
// services that recognise a repeated call.
func (a Attempt) IdempotencyKey() string { return a.inner.IdempotencyKey() }

// Options are how a step differs from its function's defaults.
type Options struct {
	// Timeout is how long one try may take; the function's StepTimeout when 0.
	Timeout time.Duration
	// Retries is how often it is tried after the first time; as often as the function
	// says when nil. See [Retries].
	Retries *uint32
}

// Run executes the code once and keeps what it returns, as JSON; on later passes it gives
// what was kept. An error of the code, or a panic, is another try's chance, as the
// function's retries say; the error that comes out has no tries left.
//
// The first pass gives what later ones give: the value as its JSON reads back.
func Run[T any](_ Step, id string, code func(Attempt) (T, error), options ...Options) (T, error) {
	return one(id, codeErrand(code, options))
}

// Sleep waits, at no cost: a sleeping run holds no memory. At most 366 days.
func (Step) Sleep(id string, span time.Duration) error {
	_, err := one(id, sleepErrand(span))
	return err
}

// SleepUntil waits until a moment; one that has passed is no wait.
func (Step) SleepUntil(id string, at time.Time) error {
	_, err := one(id, sleepUntilErrand(at))
	return err
}

// WaitForEvent waits, at no cost, for an event; nil when none came in time.
func (Step) WaitForEvent(id string, on On) (*Event, error) { return one(id, waitErrand(on)) }

// Invoke calls another function and waits, at no cost, for what it gives. The error is the
// other run's, if that failed.
func Invoke[T any](_ Step, id string, call Invocation) (T, error) {
	return one(id, invokeErrand[T](call))
}

// SendEvent sends events, all or none, exactly once: they are stored with the step. Gives
// their ids, in their order.
func (Step) SendEvent(id string, events ...NewEvent) ([]string, error) {
	return one(id, sendErrand(events))
}

// Fetch has the host send a request while the run holds no instance, and keeps the answer,
// whatever its status. Where there is no answer the host tries again. Hosts and secrets are
// as in [Request].Send; the body has to be text.
//
// The answer is kept: an error made of its status is not tried again.
func (Step) Fetch(id string, request Request, options ...Options) (*Response, error) {
	return one(id, fetchErrand(request, options))
}

// errand is a step that can be asked for: what to ask, and what to make of its outcome. A
// step that was written wrongly has no operation, but an error.
type errand[T any] struct {
	op    any
	wrong error
	// read makes a T of a recorded output.
	read func(text string) (T, error)
	// code executes the step where the host wants that; nil where it has no code.
	code func(host.Attempt) (T, error)
}

// one asks for a step alone.
func one[T any](id string, errand errand[T]) (T, error) {
	if errand.wrong != nil {
		var nothing T
		return nothing, errand.wrong
	}
	return errand.settle(host.Current.Open(host.Request{ID: id, Op: errand.op}))
}

// settle is a step's outcome as its caller gets it, after executing its code where that is
// wanted.
func (e errand[T]) settle(outcome host.Outcome) (T, error) {
	var nothing T
	switch {
	case outcome.Err != nil:
		return nothing, fromFailure(*outcome.Err)
	case outcome.Execute == nil:
		return e.read(outcome.Ok)
	case e.code == nil:
		return nothing, NoRetry(errors.New("the host wants code for a step that has none"))
	default:
		return e.code(outcome.Execute)
	}
}

func codeErrand[T any](code func(Attempt) (T, error), options []Options) errand[T] {
	timeout, retries := chosen(options)
	execute := func(attempt host.Attempt) (T, error) {
		kept, err := guarded(func() (kept[T], error) {
			value, err := code(Attempt{attempt})
			if err != nil {
				return kept[T]{}, err
			}
			return keep(value)
		})
		if err != nil {
			return kept.value, fromFailure(attempt.Fail(*toFailure(err, code)))
		}
		if failure := attempt.Succeed(kept.text); failure != nil {
			var nothing T
			return nothing, fromFailure(*failure)
		}
		return kept.value, nil
	}
	return errand[T]{op: host.Run{Timeout: timeout, Retries: retries}, read: recorded[T], code: execute}
}

// chosen is what the last of the options say, as there should be but one.
func chosen(options []Options) (timeout *uint64, retries *uint32) {
	for _, option := range options {
		if option.Timeout != 0 {
			span := millis(option.Timeout)
			timeout = &span
		}
		if option.Retries != nil {
			retries = option.Retries
		}
	}
	return timeout, retries
}

// kept is an output as it is kept, and as every later pass will read it.
type kept[T any] struct {
	text  string
	value T
}

// keep checks an output before it is kept: one that does not read back would break the run
// on its next pass.
func keep[T any](value T) (kept[T], error) {
	text, err := json.Marshal(value)
	if err != nil {
		return kept[T]{}, invalidOutput("its output cannot be JSON: %w", err)
	}
	var back T
	if err := json.Unmarshal(text, &back); err != nil {
		return kept[T]{}, invalidOutput("its output does not read back from its JSON as the same type: %w", err)
	}
	return kept[T]{string(text), back}, nil
}

// recorded is a kept output as the type that the function wants now.
func recorded[T any](text string) (T, error) {
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		why := fmt.Errorf("the step's recorded output is of another type than the function wants: %w", err)
		return value, named("OutputMismatch", NoRetry(why))
	}
	return value, nil
}
