// Functions that fail: tries, errors that are caught, outputs that cannot be kept.

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pawl.dev/pawl"
)

// FlakyError is an error with a type of its own: its name is the failure's.
type FlakyError struct{ attempt uint32 }

func (e FlakyError) Error() string { return fmt.Sprintf("attempt %d fails", e.attempt) }

var _ = pawl.Function(tried("flaky", 3), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ Failures uint32 }](ctx.Event)
	if err != nil {
		return nil, err
	}
	return pawl.Run(step, "try", func(attempt pawl.Attempt) (fields, error) {
		if attempt.Number() < data.Failures {
			return nil, FlakyError{attempt.Number()}
		}
		return fields{"tries": attempt.Number() + 1, "max": attempt.Max(), "key": attempt.IdempotencyKey()}, nil
	})
})

var _ = pawl.Function(on("hopeless"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	_, failed := pawl.Run(step, "charge", func(pawl.Attempt) (string, error) {
		return "", pawl.NoRetry(errors.New("the card is stolen"))
	})
	if failed == nil {
		return nil, errors.New("nothing was to be caught")
	}
	said, err := pawl.Run(step, "apologise", give("sorry"))
	return fields{"caught": failed.Error(), "said": said}, err
})

var _ = pawl.Function(on("later"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "busy", func(attempt pawl.Attempt) (string, error) {
		if attempt.Number() == 0 {
			return "", pawl.RetryAfter(time.Second, errors.New("busy"))
		}
		return "done", nil
	})
})

var _ = pawl.Function(tried("failing", 0), func(ctx pawl.Context, step pawl.Step) (any, error) {
	if _, err := pawl.Run(step, "ok", give(1)); err != nil {
		return nil, err
	}
	return nil, deepInTheCode()
})

// deepInTheCode has to be found in the failure's stack, and must not become a part of its
// caller.
//
//go:noinline
func deepInTheCode() error { return pawl.Errorf("nothing works") }

var _ = pawl.Function(tried("own-options", 3), func(ctx pawl.Context, step pawl.Step) (any, error) {
	_, failed := pawl.Run(step, "once", func(pawl.Attempt) (int, error) {
		return 0, errors.New("only once")
	}, pawl.Options{Retries: pawl.Retries(0), Timeout: 2 * time.Second})
	if failed == nil {
		return nil, errors.New("nothing was to be caught")
	}
	return fields{"caught": failed.Error()}, nil
})

var _ = pawl.Function(tried("not-json", 0), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "bad", give(make(chan int)))
})

var _ = pawl.Function(tried("too-big", 0), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "bad", func(pawl.Attempt) (string, error) { return strings.Repeat("x", 5_000_000), nil })
})

var _ = pawl.Function(tried("panics", 0), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "bad", func(pawl.Attempt) (int, error) { panic("the card is made of paper") })
})

// parting's failures are for its on-failure function.
var _ = pawl.Function(parting(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return nil, errors.New("goodbye")
})

func parting() pawl.Config {
	config := tried("parting", 0)
	config.OnFailure = func(ctx pawl.Context, step pawl.Step) (any, error) {
		failed, err := pawl.Data[pawl.Failed](ctx.Event)
		if err != nil {
			return nil, err
		}
		return pawl.Run(step, "bury", give(fields{"message": failed.Error.Message, "run": failed.RunID}))
	}
	return config
}
