// Package pawltest runs functions in ordinary Go tests: natively, without a host, in
// virtual time.
//
//	func TestAnOrderIsShippedAfterAnHour(t *testing.T) {
//		run := pawltest.Run(shipOrder, pawltest.Given{
//			Data:  Order{ID: "o1"},
//			Steps: map[string]any{"print label": "label 7"},
//		})
//		if run.Err != nil || run.Took != time.Hour {
//			t.Fatal(run.Err, run.Took)
//		}
//	}
//
// It does what the host does: the function is called again from its start after each sleep
// and before each further try, and a function that then comes to other steps fails. Sleeps
// take no time. The host's limits, its flow control and its own times between tries are not
// there, and what runs side by side runs one after the other.
package pawltest

import (
	"encoding/json"
	"fmt"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/internal/bridge"
	"pawl.dev/pawl/internal/host"
)

// Given is what a run finds. All of it can be left out.
type Given struct {
	// Data is the data of the event that starts the run: what has a JSON object.
	Data any
	// Events start the run in place of Data: for functions with a batch, or that look at
	// more than the data.
	Events []pawl.Event
	// Steps are outcomes of steps by their ids; the n-th repeat of an id is `id:n`. A value
	// is what the step gives, an error what it fails with for good; its code is not called.
	// A [pawl.Event] is what a wait gives, a [pawl.Response] what a fetch gives.
	//
	// Steps that are not here: code is executed; a wait for an event is over without one;
	// events are sent nowhere, see [Result].Sent; an invocation and a fetch fail.
	Steps map[string]any
	// Settings by their names; all that there are are granted.
	Settings map[string]string
	// HTTP answers requests of steps' code; an error is a network's. Without it they are
	// denied.
	HTTP func(pawl.Request) (*pawl.Response, error)
	// Now is when the run is started; a fixed moment of 2026 when it is zero.
	Now time.Time
}

// Result is how a run ended, and what it did.
type Result struct {
	// Output is what the function gave, as JSON.
	Output json.RawMessage
	// Err is what it failed with; nil when it completed.
	Err *pawl.Error
	// Steps are those that were settled, in that order.
	Steps []Step
	// Sent are the events that steps have sent.
	Sent []pawl.Event
	// Log are the lines of the run's log, each once.
	Log []Line
	// Took is the virtual time from start to end.
	Took time.Duration
	// Passes is how often the function was called from its start.
	Passes int
}

// Step is a step that was settled.
type Step struct {
	// ID is its own, or `id:n` for a repeat.
	ID string
	// Output is what it gave, as JSON; Err what it failed with.
	Output json.RawMessage
	Err    *pawl.Error
	// Tries is how often its code was executed.
	Tries int
	// At is when it was settled, from the run's start on.
	At time.Duration
}

// Line is a line of the run's log.
type Line struct {
	Level, Message string
	Fields         [][2]string
}

// Decode reads the output into what `into` points to.
func (r *Result) Decode(into any) error { return json.Unmarshal(r.Output, into) }

// IDs are those of the steps, in the order in which they were settled.
func (r *Result) IDs() []string {
	var ids []string
	for _, step := range r.Steps {
		ids = append(ids, step.ID)
	}
	return ids
}

// Run takes a function to its end. One at a time: there is one host for all of a process.
func Run(function *pawl.Registered, given Given) *Result {
	if given.Now.IsZero() {
		given.Now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	}
	run := newRun(function, given)
	outside := host.Current
	host.Current = run
	defer func() { host.Current = outside }()
	output, failure := run.passes(function)
	run.result.Output = json.RawMessage(output)
	run.result.Err = asError(failure)
	run.result.Took = run.now.Sub(given.Now)
	return &run.result
}

// passes calls the function from its start until a pass comes to its end.
func (r *run) passes(function *pawl.Registered) (output string, failure *host.Failure) {
	for {
		r.begin()
		ended := make(chan bool, 1)
		go func() {
			// a host that does not return ends the goroutine, as it would the instance
			isOver := false
			defer func() { ended <- isOver }()
			output, failure = bridge.Pass(function, r.context)
			isOver = true
		}()
		if isOver := <-ended; isOver {
			if failure == nil {
				failure = r.missed()
			}
			return output, failure
		}
		if r.broke != nil {
			return "", r.broke
		}
	}
}

func asError(failure *host.Failure) *pawl.Error {
	if failure == nil {
		return nil
	}
	return bridge.FromFailure(*failure).(*pawl.Error)
}

// refusal is a failure that no try would cure.
func refusal(name, format string, args ...any) *host.Failure {
	return &host.Failure{Name: name, Message: fmt.Sprintf(format, args...), Retry: host.Retry{Never: true}}
}
