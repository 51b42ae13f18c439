//go:build wasip1

// Bare is a plugin of two functions that is written against the generated bindings alone:
// what a language without an SDK has to do, and all of it. Package pawl does the same with
// fewer words.
package main

import (
	"encoding/json"

	// the exports that the host calls; they call what `init` sets
	exports "pawl.dev/pawl/bindings/exports/export_pawl_workflow_functions"
	_ "pawl.dev/pawl/bindings/exports/wit_exports"
	functions "pawl.dev/pawl/bindings/imports/pawl_workflow_functions"
	steps "pawl.dev/pawl/bindings/imports/pawl_workflow_step"
	workflow "pawl.dev/pawl/bindings/imports/pawl_workflow_types"
	"pawl.dev/pawl/bindings/types"
)

// result is what every function gives: JSON, or what it fails with.
type result = types.Result[string, workflow.Failure]

func init() {
	exports.Describe = func() []functions.Config {
		return []functions.Config{described("bare-order", "bare/order"), described("bare-parallel", "bare/parallel")}
	}
	exports.Handle = func(ctx functions.Context) result {
		switch ctx.FunctionId {
		case "bare-order":
			return order(ctx)
		case "bare-parallel":
			return parallel()
		default:
			return failed("NoSuchFunction", "this plugin has no function "+ctx.FunctionId)
		}
	}
}

// described is a function that an event starts, without any options.
func described(id, event string) functions.Config {
	trigger := functions.MakeTriggerEvent(functions.EventTrigger{Name: event})
	return functions.Config{Id: id, Triggers: []functions.Trigger{trigger}}
}

// order runs a step, sleeps, and runs another one.
func order(ctx functions.Context) result {
	var data struct{ Name string }
	if err := json.Unmarshal([]byte(ctx.Events[0].Data), &data); err != nil {
		return failed("InvalidEventData", err.Error())
	}
	greeting, failure := run("greet", func() any { return "hello " + data.Name })
	if failure != nil {
		return types.Err[string](*failure)
	}
	// the run may leave this instance here, and come back in another one
	steps.Sleep("a moment", 100)
	length, failure := run("measure", func() any { return len(greeting) })
	if failure != nil {
		return types.Err[string](*failure)
	}
	return types.Ok[string, workflow.Failure](`{"greeting":` + greeting + `,"length":` + length + `}`)
}

// run executes a step's code where the host wants that, and gives its output as JSON.
func run(id string, code func() any) (string, *workflow.Failure) {
	return settle(steps.Open(request(id)), code)
}

func request(id string) steps.Request {
	return steps.Request{Id: id, Op: steps.MakeOperationRun(steps.RunOptions{})}
}

func settle(outcome steps.Outcome, code func() any) (string, *workflow.Failure) {
	switch outcome.Tag() {
	case steps.Outcome_Ok: // recorded by an earlier pass
		return outcome.Ok(), nil
	case steps.Outcome_Err:
		failure := outcome.Err()
		return "", &failure
	}
	attempt := outcome.Execute()
	output, err := json.Marshal(code())
	if err != nil {
		// comes back only when there are no tries left
		failure := attempt.Fail(workflow.Failure{Name: "InvalidOutput", Message: err.Error(), Retry: workflow.MakeRetryNo()})
		return "", &failure
	}
	if kept := attempt.Succeed(string(output)); kept.IsErr() {
		failure := kept.Err()
		return "", &failure
	}
	return string(output), nil
}

// parallel runs two steps side by side and waits for both.
func parallel() result {
	code := map[string]func() any{
		"one": func() any { return 1 },
		"two": func() any { return 2 },
	}
	outputs := map[string]json.RawMessage{}
	open := []steps.Request{request("one"), request("two")}
	for len(open) > 0 {
		settled := map[uint32]bool{}
		for _, answer := range steps.Select(open) {
			id := open[answer.F0].Id
			output, failure := settle(answer.F1, code[id])
			if failure != nil {
				return types.Err[string](*failure)
			}
			outputs[id] = json.RawMessage(output)
			settled[answer.F0] = true
		}
		// and again with the rest
		var rest []steps.Request
		for place, request := range open {
			if !settled[uint32(place)] {
				rest = append(rest, request)
			}
		}
		open = rest
	}
	output, err := json.Marshal(outputs)
	if err != nil {
		return failed("InvalidOutput", err.Error())
	}
	return types.Ok[string, workflow.Failure](string(output))
}

// failed is a failure that another try would not cure.
func failed(name, message string) result {
	return types.Err[string](workflow.Failure{Name: name, Message: message, Retry: workflow.MakeRetryNo()})
}

// main is never called: the host calls what is exported.
func main() {}
