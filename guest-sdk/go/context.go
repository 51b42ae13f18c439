// What started the run: its context, its events, and a run that has failed.

package pawl

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Context is the run, and what started it.
type Context struct {
	// FunctionID is what the function goes by, RunID the run.
	FunctionID, RunID string
	// Attempt is how often the function has failed outside of its steps, from 0.
	Attempt uint32
	// Now is when the run was started: the same in every pass.
	Now time.Time
	// Event started the run; of a batch the first.
	Event Event
	// Events are all of them, in the order in which they came.
	Events []Event
}

// Event is something that happened. As JSON it is what the host makes of events.
type Event struct {
	// ID is what its sender gave, else the host's.
	ID string
	// Name is such as `shop/order.placed`.
	Name string
	// Data is what it is about: see [Data].
	Data json.RawMessage
	// User is whom it is about; nil when its sender did not say.
	User json.RawMessage
	// Time is when it happened, as its sender said, else when it came in.
	Time time.Time
	// Version is that of the data's shape; empty when its sender did not say.
	Version string
}

// wireEvent is an event as its JSON has it.
type wireEvent struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Data    json.RawMessage `json:"data"`
	User    json.RawMessage `json:"user"`
	Time    int64           `json:"ts"`
	Version *string         `json:"v"`
}

// MarshalJSON gives `id`, `name`, `data`, `user`, `ts` and `v`.
func (e Event) MarshalJSON() ([]byte, error) {
	wire := wireEvent{ID: e.ID, Name: e.Name, Data: e.Data, User: e.User, Time: e.Time.UnixMilli()}
	if e.Version != "" {
		wire.Version = &e.Version
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads the same.
func (e *Event) UnmarshalJSON(text []byte) error {
	var wire wireEvent
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*e = Event{ID: wire.ID, Name: wire.Name, Data: wire.Data, User: unlessNull(wire.User)}
	e.Time = time.UnixMilli(wire.Time).UTC()
	if wire.Version != nil {
		e.Version = *wire.Version
	}
	return nil
}

// Data is an event's data as a T. Data of another shape fails the run without retries.
func Data[T any](event Event) (T, error) {
	var data T
	if err := json.Unmarshal(event.Data, &data); err != nil {
		why := fmt.Errorf("the data of event `%s` is not what this function takes: %w", event.Name, err)
		return data, named("InvalidEventData", NoRetry(why))
	}
	return data, nil
}

// read gives a pass's beginning as the function sees it.
func read(ctx host.Context) (Context, error) {
	context := Context{
		FunctionID: ctx.FunctionID, RunID: ctx.RunID, Attempt: ctx.Attempt, Now: moment(ctx.Now),
	}
	for _, event := range ctx.Events {
		context.Events = append(context.Events, Event{
			ID: event.ID, Name: event.Name, Data: json.RawMessage(event.Data), Time: moment(event.Timestamp),
			User: unlessNull(json.RawMessage(event.User)), Version: event.Version,
		})
	}
	if len(context.Events) == 0 {
		return context, NoRetry(errors.New("the run has no event"))
	}
	context.Event = context.Events[0]
	return context, nil
}

// unlessNull is nil where there is nothing: `null` says nobody.
func unlessNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	return text
}

func moment(millis uint64) time.Time { return time.UnixMilli(int64(millis)).UTC() }

// Failed is a run that has failed for good: the data of the event that starts a function's
// [Config].OnFailure.
type Failed struct {
	// FunctionID is the function that the run was of, RunID the run.
	FunctionID string `json:"function_id"`
	RunID      string `json:"run_id"`
	// Event started it; of a batch the first. Events are all of them.
	Event  Event   `json:"event"`
	Events []Event `json:"events"`
	// Error is what it failed with.
	Error FailedWith `json:"error"`
}

// FailedWith is the error of a run that has failed for good.
type FailedWith struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	// Stack is where it came from, as far as that is known.
	Stack string `json:"stack"`
}
