//go:build wasip1

// The real host, by the generated bindings.

package host

import (
	http "pawl.dev/pawl/bindings/imports/pawl_workflow_http"
	"pawl.dev/pawl/bindings/imports/pawl_workflow_log"
	"pawl.dev/pawl/bindings/imports/pawl_workflow_settings"
	"pawl.dev/pawl/bindings/imports/pawl_workflow_step"
	"pawl.dev/pawl/bindings/imports/pawl_workflow_system"
	wit "pawl.dev/pawl/bindings/imports/pawl_workflow_types"
	"pawl.dev/pawl/bindings/runtime"
	"pawl.dev/pawl/bindings/types"
)

func init() { Current = imports{} }

type imports struct{}

// under counts the calls to the host that are under way: goroutines may take turns while
// one of them reads its answer.
var under int

// call makes a call to the host, and afterwards lets go of the memory that the host wrote
// its answer into: by then the bindings have made Go values of it.
func call[T any](ask func() T) T {
	under++
	answer := ask()
	under--
	if under == 0 {
		runtime.Unpin()
	}
	return answer
}

func (imports) Open(request Request) Outcome {
	asked := ask(request)
	return outcome(call(func() pawl_workflow_step.Outcome { return pawl_workflow_step.Open(asked) }))
}

func (imports) Select(requests []Request) []Answer {
	asked := each(requests, ask)
	settled := call(func() []types.Tuple2[uint32, pawl_workflow_step.Outcome] {
		return pawl_workflow_step.Select(asked)
	})
	return each(settled, func(one types.Tuple2[uint32, pawl_workflow_step.Outcome]) Answer {
		return Answer{int(one.F0), outcome(one.F1)}
	})
}

func (imports) Log(level Level, message string, fields [][2]string) {
	pawl_workflow_log.Log(uint8(level), message, each(fields, pair))
}

func (imports) Send(requests []HTTPRequest) []HTTPResult {
	asked := each(requests, func(r HTTPRequest) http.Request {
		sent := http.Request{Method: r.Method, Url: r.URL, Headers: each(r.Headers, pair)}
		if r.Body != nil {
			sent.Body = types.Some(r.Body)
		}
		sent.Timeout = unlessZero(r.Timeout)
		return sent
	})
	if len(asked) == 1 {
		one := call(func() types.Result[http.Response, http.Error] { return http.Send(asked[0]) })
		return []HTTPResult{response(one)}
	}
	all := call(func() []types.Result[http.Response, http.Error] { return http.SendAll(asked) })
	return each(all, response)
}

func (imports) Setting(name string) (string, bool, string) {
	read := call(func() types.Result[types.Option[string], string] { return pawl_workflow_settings.Get(name) })
	if read.IsErr() {
		return "", false, read.Err()
	}
	return read.Ok().SomeOr(""), read.Ok().Tag() == types.OptionSome, ""
}

func (imports) Now() uint64    { return pawl_workflow_system.Now() }
func (imports) Random() uint64 { return pawl_workflow_system.Random() }

// attempt is the host's own, with its failures in plain Go.
type attempt struct{ inner *pawl_workflow_step.Attempt }

func (a attempt) Number() uint32         { return a.inner.Number() }
func (a attempt) Max() uint32            { return a.inner.Max() }
func (a attempt) IdempotencyKey() string { return call(a.inner.IdempotencyKey) }

func (a attempt) Succeed(output string) *Failure {
	// not when the collector comes to it: outside of its code it has no use
	defer a.inner.Drop()
	kept := call(func() types.Result[types.Unit, wit.Failure] { return a.inner.Succeed(output) })
	if !kept.IsErr() {
		return nil
	}
	failure := fromFailure(kept.Err())
	return &failure
}

func (a attempt) Fail(failure Failure) Failure {
	defer a.inner.Drop()
	return fromFailure(call(func() wit.Failure { return a.inner.Fail(ToFailure(failure)) }))
}

func ask(request Request) pawl_workflow_step.Request {
	return pawl_workflow_step.Request{Id: request.ID, Op: operation(request.Op)}
}

func operation(op any) pawl_workflow_step.Operation {
	switch op := op.(type) {
	case Run:
		options := pawl_workflow_step.RunOptions{Timeout: optional(op.Timeout), Retries: optional(op.Retries)}
		return pawl_workflow_step.MakeOperationRun(options)
	case Sleep:
		return pawl_workflow_step.MakeOperationSleep(op.Millis)
	case SleepUntil:
		return pawl_workflow_step.MakeOperationSleepUntil(op.At)
	case WaitForEvent:
		return pawl_workflow_step.MakeOperationWaitForEvent(pawl_workflow_step.EventMatch{
			Name: op.Name, Timeout: op.Timeout, Filter: UnlessEmpty(op.Filter),
		})
	case Invoke:
		return pawl_workflow_step.MakeOperationInvoke(pawl_workflow_step.Invocation{
			Function: op.Function, Data: op.Data, User: UnlessEmpty(op.User), Timeout: optional(op.Timeout),
		})
	case SendEvent:
		return pawl_workflow_step.MakeOperationSendEvent(each(op.Events, newEvent))
	case Fetch:
		return pawl_workflow_step.MakeOperationFetch(pawl_workflow_step.Fetch{
			Method: op.Method, Url: op.URL, Headers: each(op.Headers, pair), Body: optional(op.Body),
			Timeout: optional(op.Timeout), Retries: optional(op.Retries),
		})
	default:
		panic("a step of no kind that there is")
	}
}

func newEvent(event NewEvent) wit.NewEvent {
	return wit.NewEvent{
		Id: UnlessEmpty(event.ID), Name: event.Name, Data: event.Data, User: UnlessEmpty(event.User),
		Timestamp: unlessZero(event.Timestamp), Version: UnlessEmpty(event.Version),
	}
}

func outcome(o pawl_workflow_step.Outcome) Outcome {
	switch o.Tag() {
	case pawl_workflow_step.Outcome_Ok:
		return Outcome{Ok: o.Ok()}
	case pawl_workflow_step.Outcome_Err:
		failure := fromFailure(o.Err())
		return Outcome{Err: &failure}
	default:
		return Outcome{Execute: attempt{o.Execute()}}
	}
}

func fromFailure(f wit.Failure) Failure {
	failure := Failure{Name: f.Name, Message: f.Message, Stack: f.Stack.SomeOr(""), Data: f.Data.SomeOr("")}
	switch f.Retry.Tag() {
	case wit.Retry_No:
		failure.Retry.Never = true
	case wit.Retry_After:
		failure.Retry.After = f.Retry.After()
	}
	return failure
}

// ToFailure gives a failure in the contract's terms.
func ToFailure(f Failure) wit.Failure {
	retry := wit.MakeRetryDefault()
	switch {
	case f.Retry.Never:
		retry = wit.MakeRetryNo()
	case f.Retry.After > 0:
		retry = wit.MakeRetryAfter(f.Retry.After)
	}
	return wit.Failure{
		Name: f.Name, Message: f.Message, Stack: UnlessEmpty(f.Stack), Data: UnlessEmpty(f.Data), Retry: retry,
	}
}

// FromEvent gives an event in plain Go.
func FromEvent(e wit.Event) Event {
	return Event{e.Id, e.Name, e.Data, e.User.SomeOr(""), e.Timestamp, e.Version.SomeOr("")}
}

func response(result types.Result[http.Response, http.Error]) HTTPResult {
	if !result.IsErr() {
		answer := result.Ok()
		headers := each(answer.Headers, func(h types.Tuple2[string, string]) [2]string {
			return [2]string{h.F0, h.F1}
		})
		return HTTPResult{Status: answer.Status, Headers: headers, Body: answer.Body}
	}
	switch err := result.Err(); err.Tag() {
	case http.Error_Denied:
		return HTTPResult{Error: &HTTPError{HTTPDenied, err.Denied()}}
	case http.Error_Invalid:
		return HTTPResult{Error: &HTTPError{HTTPInvalid, err.Invalid()}}
	default:
		return HTTPResult{Error: &HTTPError{HTTPNetwork, err.Network()}}
	}
}

func pair(p [2]string) types.Tuple2[string, string] {
	return types.Tuple2[string, string]{F0: p[0], F1: p[1]}
}

func optional[T any](value *T) types.Option[T] {
	if value == nil {
		return types.None[T]()
	}
	return types.Some(*value)
}

// UnlessEmpty is a text that may be left out.
func UnlessEmpty(text string) types.Option[string] {
	if text == "" {
		return types.None[string]()
	}
	return types.Some(text)
}

func unlessZero(number uint64) types.Option[uint64] {
	if number == 0 {
		return types.None[uint64]()
	}
	return types.Some(number)
}

func each[A, B any](list []A, as func(A) B) []B {
	made := make([]B, len(list))
	for i, one := range list {
		made[i] = as(one)
	}
	return made
}
