// The steps that the host does by itself, without code of the function.

package pawl

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"pawl.dev/pawl/internal/host"
)

// longest is how long is waited for an event when nothing is said: the most that there is.
const longest = 366 * 24 * time.Hour

func nothing(string) (struct{}, error) { return struct{}{}, nil }

func sleepErrand(span time.Duration) errand[struct{}] {
	return errand[struct{}]{op: host.Sleep{Millis: millis(span)}, read: nothing}
}

func sleepUntilErrand(at time.Time) errand[struct{}] {
	// rounded up as spans are; before 1970 is long over
	millis := max(0, at.Add(time.Millisecond-1).UnixMilli())
	return errand[struct{}]{op: host.SleepUntil{At: uint64(millis)}, read: nothing}
}

// On says which event a step waits for, and how long.
type On struct {
	// Event is its name; the first one that is accepted after the step began.
	Event string
	// Match is a path that has the same value in it and in the event that started the run:
	// `data.order_id`.
	Match string
	// If is a condition in CEL over `event`, which started the run, and `async`, which came
	// in. Where Match is given too, both have to hold.
	If string
	// Timeout is how long to wait; 366 days, the most there is, when it is 0.
	Timeout time.Duration
}

func waitErrand(on On) errand[*Event] {
	timeout := on.Timeout
	if timeout == 0 {
		timeout = longest
	}
	op := host.WaitForEvent{Name: on.Event, Timeout: millis(timeout), Filter: matching(on.Match, on.If)}
	return errand[*Event]{op: op, read: recorded[*Event]}
}

// Invocation is a call of another function.
type Invocation struct {
	// Function is its id.
	Function string
	// Data is that of the event that it is started with: what has a JSON object. Nil is an
	// empty one.
	Data any
	// User is whom it is about: what has a JSON object, or nil.
	User any
	// Timeout is how long to wait for what it gives; 366 days when 0. The other run goes on
	// after it.
	Timeout time.Duration
}

func invokeErrand[T any](call Invocation) errand[T] {
	data, err := object("an invocation's data", call.Data)
	user, also := userOf("an invocation's user", call.User)
	op := host.Invoke{Function: call.Function, Data: data, User: user}
	if call.Timeout != 0 {
		timeout := millis(call.Timeout)
		op.Timeout = &timeout
	}
	return errand[T]{op: op, wrong: cmp.Or(err, also), read: recorded[T]}
}

// NewEvent is an event to send; the host fills what is left out.
type NewEvent struct {
	// Name is such as `shop/order.shipped`.
	Name string
	// Data is what it is about: what has a JSON object. Nil is an empty one.
	Data any
	// User is whom it is about: what has a JSON object, or nil.
	User any
	// ID keeps another event with the same one from being accepted.
	ID string
	// Time is when it happened; when it is sent, if this is zero.
	Time time.Time
	// Version is that of the data's shape.
	Version string
}

func sendErrand(events []NewEvent) errand[[]string] {
	var op host.SendEvent
	var wrong error
	for _, event := range events {
		data, err := object("an event's data", event.Data)
		user, also := userOf("an event's user", event.User)
		wrong = cmp.Or(wrong, err, also)
		sent := host.NewEvent{ID: event.ID, Name: event.Name, Data: data, User: user, Version: event.Version}
		if !event.Time.IsZero() {
			sent.Timestamp = uint64(max(0, event.Time.UnixMilli()))
		}
		op.Events = append(op.Events, sent)
	}
	return errand[[]string]{op: op, wrong: wrong, read: recorded[[]string]}
}

// object is a value's JSON, if that is an object.
func object(what string, value any) (string, error) {
	if value == nil {
		return "{}", nil
	}
	text, err := json.Marshal(value)
	switch {
	case err != nil:
		return "", named("InvalidData", NoRetry(fmt.Errorf("%s cannot be JSON: %w", what, err)))
	case len(text) == 0 || text[0] != '{':
		return "", named("InvalidData", NoRetry(fmt.Errorf("%s has to be a JSON object", what)))
	}
	return string(text), nil
}

func userOf(what string, value any) (string, error) {
	if value == nil {
		return "", nil
	}
	return object(what, value)
}

func fetchErrand(request Request, options []Options) errand[*Response] {
	sent, err := request.built()
	if err != nil {
		return errand[*Response]{wrong: err}
	}
	op := host.Fetch{Method: sent.Method, URL: sent.URL, Headers: sent.Headers}
	if sent.Body != nil {
		if !utf8.Valid(sent.Body) {
			why := fmt.Errorf("%s: the body of a fetch step has to be text; send bytes inside of a step", request.place())
			return errand[*Response]{wrong: named("HttpInvalid", NoRetry(why))}
		}
		body := string(sent.Body)
		op.Body = &body
	}
	op.Timeout, op.Retries = chosen(append(options, Options{Timeout: request.Timeout}))
	return errand[*Response]{op: op, read: func(text string) (*Response, error) { return readFetched(text, request.place()) }}
}

// readFetched is an answer as the host keeps it.
func readFetched(text, place string) (*Response, error) {
	type fetched struct {
		Status  int               `json:"status_code"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
		Bytes   string            `json:"body_base64"`
	}
	answer, err := recorded[fetched](text)
	if err != nil {
		return nil, err
	}
	response := &Response{Status: answer.Status, place: place, isKept: true}
	for name, value := range answer.Headers {
		response.Headers = append(response.Headers, [2]string{name, value})
	}
	sortHeaders(response.Headers)
	if answer.Body != nil {
		response.Body = []byte(*answer.Body)
	} else if response.Body, err = base64.StdEncoding.DecodeString(answer.Bytes); err != nil {
		why := fmt.Errorf("the step's recorded body is no base64: %w", err)
		return nil, named("OutputMismatch", NoRetry(why))
	}
	return response, nil
}
