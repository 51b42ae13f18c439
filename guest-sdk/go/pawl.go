// Package pawl writes functions for Pawl in Go.
//
// A function is started by an event and does its work in steps. A finished step never runs
// again: when a run sleeps, fails or its host crashes, the function is called again from
// its start, and finished steps answer from the run's journal.
//
//	package main
//
//	import (
//		"time"
//
//		"pawl.dev/pawl"
//	)
//
//	type Order struct{ ID string }
//
//	var shipOrder = pawl.Function(pawl.Config{
//		ID:       "ship-order",
//		Triggers: []pawl.Trigger{{Event: "shop/order.placed"}},
//		Hosts:    []string{"api.example.com"},
//	}, func(ctx pawl.Context, step pawl.Step) (any, error) {
//		order, err := pawl.Data[Order](ctx.Event)
//		if err != nil {
//			return nil, err
//		}
//		label, err := pawl.Run(step, "print label", func(pawl.Attempt) (string, error) {
//			answer, err := pawl.Request{Method: "POST", URL: "https://api.example.com/labels", JSON: order}.Send()
//			if err != nil {
//				return "", err
//			}
//			return answer.Text(), answer.StatusError()
//		})
//		if err != nil {
//			return nil, err
//		}
//		if err := step.Sleep("wait for pickup", time.Hour); err != nil {
//			return nil, err
//		}
//		return label, nil
//	})
//
//	func main() {}
//
// # What is the same in each pass
//
// Outside of steps a function has to come to the same each time. [time.Now] is the run's
// start there, and crypto/rand a sequence of the run's own; [Now], [Random] and [Rand] say
// the same. Not the same are the order of a map and of a select with several channels
// ready, and what math/rand draws without a source of its own: all three come out of Go's
// own generator, which moves on while a step's code is executed, and in a replay it is not.
// So range over slices.Sorted(maps.Keys(m)) where steps depend on the order, and draw from
// [Rand]. Inside of steps all of that is free.
package pawl

import (
	"encoding/json"
	"fmt"

	"pawl.dev/pawl/internal/bridge"
	"pawl.dev/pawl/internal/host"
)

// Handler is a function's code: what started the run and its steps in, the run's output
// (anything that has JSON; nil is null) or what it failed with out.
type Handler = func(ctx Context, step Step) (any, error)

// Registered is a function that the host can call; made by [Function].
type Registered struct {
	config  Config
	handler Handler
}

// functions are all of the plugin, in the order in which they were registered.
var functions []*Registered

// Function makes a function of the plugin. Call it where a package's variables get their
// values: `var shipOrder = pawl.Function(…)`. The host refuses a plugin that describes two
// functions with one id, or a function wrongly, and says where.
func Function(config Config, handler Handler) *Registered {
	function := &Registered{config, handler}
	functions = append(functions, function)
	if config.OnFailure != nil {
		functions = append(functions, &Registered{config.failure(), config.OnFailure})
	}
	return function
}

// Config is what the function was registered with.
func (f *Registered) Config() Config { return f.config }

// dispatch makes a pass of the function that the host means.
func dispatch(ctx host.Context) (string, *host.Failure) {
	for _, function := range functions {
		if function.config.ID == ctx.FunctionID {
			return function.pass(ctx)
		}
	}
	return "", &host.Failure{
		Name:    "NoSuchFunction",
		Message: fmt.Sprintf("this plugin has no function `%s`", ctx.FunctionID),
		Retry:   host.Retry{Never: true},
	}
}

// pass calls the function from its start.
func (f *Registered) pass(ctx host.Context) (string, *host.Failure) {
	text, err := guarded(func() (string, error) {
		context, err := read(ctx)
		if err != nil {
			return "", err
		}
		output, err := f.handler(context, Step{})
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(output)
		if err != nil {
			return "", invalidOutput("the function's output cannot be JSON: %w", err)
		}
		return string(text), nil
	})
	if err != nil {
		return "", toFailure(err, f.handler)
	}
	return text, nil
}

func init() {
	bridge.Pass = func(function any, ctx host.Context) (string, *host.Failure) {
		return function.(*Registered).pass(ctx)
	}
	bridge.ToFailure = func(err error) host.Failure { return *toFailure(err, nil) }
	bridge.FromFailure = fromFailure
}
