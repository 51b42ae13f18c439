// What steps and functions fail with, and what that says about another try.

package pawl

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Error is what a step or a function fails with, as the host knows it.
//
// Any error will do: of another one the type's name becomes Name. An error that comes out
// of a step is one of these, whatever the step's code returned, since it comes out of the
// run's journal; it has no tries left. Returning it ends the run as failed, anything else
// lets the function go on.
type Error struct {
	// Name is the error's class.
	Name string
	// Message is the sentence.
	Message string
	// Stack is where it came from; empty when that is not known.
	Stack string
	// Data is something for those who look at the run: any JSON.
	Data json.RawMessage

	retry host.Retry
	cause error
}

func (e *Error) Error() string { return e.Message }

// Unwrap is the error that it was made of, if it was.
func (e *Error) Unwrap() error { return e.cause }

// IsRetryable says whether another try may come. False for every error out of a step.
func (e *Error) IsRetryable() bool { return !e.retry.Never }

// Errorf is [fmt.Errorf], and remembers where it was called: Go's own errors do not.
func Errorf(format string, args ...any) error {
	cause := fmt.Errorf(format, args...)
	return &Error{Name: class(cause, "Error"), Message: cause.Error(), Stack: stack(), retry: retryOf(cause), cause: cause}
}

// NoRetry makes an error one that another try would not cure: bad input, a refusal.
func NoRetry(err error) error {
	return wrap(err, "NonRetriableError", host.Retry{Never: true})
}

// RetryAfter makes an error one whose next try comes no sooner than this. It counts as a
// try like any other. The host bounds the time to between one second and one day.
func RetryAfter(span time.Duration, err error) error {
	// 0 would say nothing; the host's bound says the rest
	return wrap(err, "RetryAfterError", host.Retry{After: max(1, millis(span))})
}

func wrap(err error, name string, retry host.Retry) error {
	wrapped := &Error{Name: class(err, name), Message: err.Error(), Stack: stackOf(err), retry: retry, cause: err}
	if wrapped.Stack == "" {
		wrapped.Stack = stack()
	}
	return wrapped
}

// named gives an error that the SDK has made another class.
func named(name string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		known.Name = name
	}
	return err
}

func invalidOutput(format string, err error) error {
	return named("InvalidOutput", NoRetry(fmt.Errorf(format, err)))
}

// fromFailure is a failure of the host as an error.
func fromFailure(failure host.Failure) error {
	known := &Error{Name: failure.Name, Message: failure.Message, Stack: failure.Stack, retry: failure.Retry}
	if failure.Data != "" {
		known.Data = json.RawMessage(failure.Data)
	}
	return known
}

// toFailure is an error as the host takes it. One that does not know where it came from is
// given the place of the code that it came out of, if there is code.
func toFailure(err error, code any) *host.Failure {
	failure := &host.Failure{Name: class(err, "Error"), Message: err.Error(), Stack: stackOf(err), Retry: retryOf(err)}
	if failure.Stack == "" && code != nil {
		failure.Stack = origin(code)
	}
	var known *Error
	if errors.As(err, &known) {
		failure.Data = string(known.Data)
	}
	return failure
}

func retryOf(err error) host.Retry {
	var known *Error
	if errors.As(err, &known) {
		return known.retry
	}
	return host.Retry{}
}

func stackOf(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Stack
	}
	return ""
}

// class is an error's type, without its package: `PathError`; a type that is only called
// Error keeps it. What says nothing by its type, as errors.New, fmt.Errorf and net/http make
// it, goes by what it wraps, and otherwise by this name.
func class(err error, otherwise string) string {
	for ; err != nil; err = errors.Unwrap(err) {
		if known, is := err.(*Error); is {
			return known.Name
		}
		name := strings.TrimLeft(reflect.TypeOf(err).String(), "*")
		switch name {
		case "errors.errorString", "errors.joinError", "fmt.wrapError", "fmt.wrapErrors", "url.Error":
			continue
		}
		_, short, _ := strings.Cut(name, ".")
		if short == "" || strings.EqualFold(short, "error") {
			return name
		}
		return short
	}
	return otherwise
}
