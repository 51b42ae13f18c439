package pawl_test

// What functions see of their steps, by package pawltest.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/pawltest"
)

// of makes a function of code alone.
func of(code func(pawl.Context, pawl.Step) (any, error)) *pawl.Registered {
	return pawl.Function(pawl.Config{ID: "f"}, code)
}

func give[T any](value T) func(pawl.Attempt) (T, error) {
	return func(pawl.Attempt) (T, error) { return value, nil }
}

// completed fails the test unless the run gave this.
func completed(t *testing.T, run *pawltest.Result, output string) {
	t.Helper()
	if run.Err != nil {
		t.Fatalf("failed: %s: %s\n%s", run.Err.Name, run.Err.Message, run.Err.Stack)
	}
	if string(run.Output) != output {
		t.Fatalf("gave %s, not %s", run.Output, output)
	}
}

// failed fails the test unless the run failed with this.
func failed(t *testing.T, run *pawltest.Result, name, message string) {
	t.Helper()
	if run.Err == nil {
		t.Fatalf("completed with %s", run.Output)
	}
	if run.Err.Name != name || !strings.Contains(run.Err.Message, message) {
		t.Fatalf("failed with %s: %s", run.Err.Name, run.Err.Message)
	}
}

type odd struct{ number uint32 }

func (o odd) Error() string { return fmt.Sprintf("%d is odd", o.number) }

func TestAStepRunsOnceAndSleepsTakeTheirTime(t *testing.T) {
	calls := 0
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		one, err := pawl.Run(step, "one", func(pawl.Attempt) (int, error) { calls++; return 1, nil })
		if err != nil {
			return nil, err
		}
		if err := step.Sleep("nap", time.Hour); err != nil {
			return nil, err
		}
		if err := step.SleepUntil("noon", ctx.Now.Add(24*time.Hour)); err != nil {
			return nil, err
		}
		return one + calls, nil
	}), pawltest.Given{})
	completed(t, run, "2")
	if run.Took != 24*time.Hour || run.Passes != 3 || !slices.Equal(run.IDs(), []string{"one", "nap", "noon"}) {
		t.Fatal(run.Took, run.Passes, run.IDs())
	}
}

func TestAnErrorIsTriedAgainUntilNoTriesAreLeft(t *testing.T) {
	function := of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "try", func(a pawl.Attempt) (uint32, error) {
			if a.Number() < 2 {
				return 0, fmt.Errorf("trying: %w", odd{a.Number()})
			}
			return a.Max(), nil
		}, pawl.Options{Retries: pawl.Retries(2)})
	})
	completed(t, pawltest.Run(function, pawltest.Given{}), "3")

	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "try", func(a pawl.Attempt) (int, error) { return 0, odd{a.Number()} })
	}), pawltest.Given{})
	failed(t, run, "odd", "3 is odd")
	if run.Steps[0].Tries != 4 || run.Err.IsRetryable() {
		t.Fatal(run.Steps, run.Err.IsRetryable())
	}
	if !strings.Contains(run.Err.Stack, "pawl_test.go") {
		t.Fatal(run.Err.Stack)
	}
}

func TestAnErrorSaysWhenAndWhetherAnotherTryComes(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		_, err := pawl.Run(step, "for good", func(pawl.Attempt) (int, error) {
			return 0, fmt.Errorf("charging: %w", pawl.NoRetry(errors.New("stolen")))
		})
		if err == nil {
			return nil, errors.New("it did not fail")
		}
		_, later := pawl.Run(step, "later", func(a pawl.Attempt) (int, error) {
			if a.IsLast() {
				return 0, nil
			}
			return 0, pawl.RetryAfter(time.Minute, errors.New("busy"))
		})
		return err.Error(), later
	}), pawltest.Given{})
	completed(t, run, `"charging: stolen"`)
	if run.Steps[0].Tries != 1 || run.Steps[0].Err.Name != "NonRetriableError" {
		t.Fatal(run.Steps[0])
	}
	if run.Steps[1].Tries != 4 || run.Took != 3*time.Minute {
		t.Fatal(run.Steps[1], run.Took)
	}
}

func TestAPanicIsTheStepsFailureWithItsStack(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "bad", func(pawl.Attempt) (int, error) { return deep(nil), nil })
	}), pawltest.Given{})
	failed(t, run, "Panic", "assignment to entry in nil map")
	if !strings.HasPrefix(run.Err.Stack, "pawl.dev/pawl_test.deep(...)\n\t") || strings.Contains(run.Err.Stack, "runtime.") {
		t.Fatal(run.Err.Stack)
	}
	outside := pawltest.Run(of(func(pawl.Context, pawl.Step) (any, error) { panic("outside") }), pawltest.Given{})
	failed(t, outside, "Panic", "outside")
}

//go:noinline
func deep(m map[int]int) int {
	m[1] = 1
	return 1
}

func TestWhatCannotBeKeptFailsForGood(t *testing.T) {
	channel := of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "bad", give(make(chan int)))
	})
	run := pawltest.Run(channel, pawltest.Given{})
	failed(t, run, "InvalidOutput", "chan int")
	if run.Steps[0].Tries != 1 {
		t.Fatal(run.Steps[0].Tries)
	}
	failed(t, pawltest.Run(of(func(pawl.Context, pawl.Step) (any, error) { return func() {}, nil }), pawltest.Given{}), "InvalidOutput", "func()")
	other := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "number", give(1))
	}), pawltest.Given{Steps: map[string]any{"number": "text"}})
	failed(t, other, "OutputMismatch", "another type")
}

func TestTheFirstPassGivesWhatAReplayGives(t *testing.T) {
	type lossy struct {
		Kept    int
		dropped int
	}
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		value, err := pawl.Run(step, "lossy", give(lossy{1, 2}))
		return value.Kept + value.dropped, err
	}), pawltest.Given{})
	completed(t, run, "1")
}

func TestEventDataOfAnotherShapeFailsForGood(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Data[struct{ N int }](ctx.Event)
	}), pawltest.Given{Data: map[string]any{"n": "x"}})
	failed(t, run, "InvalidEventData", "the data of event `pawltest`")
}

func TestWaitsInvocationsAndFetchesGiveWhatTheTestSays(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		paid, err := step.WaitForEvent("paid", pawl.On{Event: "shop/paid", Match: "data.id"})
		if err != nil {
			return nil, err
		}
		never, err := step.WaitForEvent("never", pawl.On{Event: "shop/never", Timeout: time.Hour})
		if err != nil {
			return nil, err
		}
		label, err := pawl.Invoke[string](step, "label", pawl.Invocation{Function: "print"})
		if err != nil {
			return nil, err
		}
		answer, err := step.Fetch("rate", pawl.Request{URL: "https://api.example.com/rate"})
		if err != nil {
			return nil, err
		}
		_, unknown := pawl.Invoke[int](step, "unknown", pawl.Invocation{Function: "other"})
		return []any{paid.Name, never, label, answer.Text(), answer.StatusError() != nil, unknown != nil}, nil
	}), pawltest.Given{Steps: map[string]any{
		"paid":  pawl.Event{ID: "e", Name: "shop/paid"},
		"label": "label 7",
		"rate":  pawl.Response{Status: 503, Body: []byte("down")},
	}})
	completed(t, run, `["shop/paid",null,"label 7","down",true,true]`)
	if run.Took != time.Hour {
		t.Fatal(run.Took)
	}
}

func TestEventsAreSentOnceWithTheirIds(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		ids, err := step.SendEvent("tell", pawl.NewEvent{Name: "a/b", Data: map[string]int{"n": 1}}, pawl.NewEvent{Name: "a/c", ID: "mine"})
		if err != nil {
			return nil, err
		}
		_, wrong := step.SendEvent("wrong", pawl.NewEvent{Name: "a/b", Data: 7})
		return []any{ids, wrong.Error()}, step.Sleep("nap", time.Second)
	}), pawltest.Given{})
	completed(t, run, `[["sent-1","mine"],"an event's data has to be a JSON object"]`)
	if len(run.Sent) != 2 || string(run.Sent[0].Data) != `{"n":1}` || string(run.Sent[1].Data) != "{}" {
		t.Fatal(run.Sent)
	}
}

func TestAFunctionThatComesToOtherStepsInAnotherPassFails(t *testing.T) {
	pass := 0
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		pass++
		if _, err := pawl.Run(step, fmt.Sprint("step of pass ", pass), give(1)); err != nil {
			return nil, err
		}
		return nil, step.Sleep("nap", time.Second)
	}), pawltest.Given{})
	failed(t, run, "Diverged", "`step of pass 1`")
}

func TestAStepInsideOfAnotherIsRefused(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "outer", func(pawl.Attempt) (int, error) { return pawl.Run(step, "inner", give(1)) })
	}), pawltest.Given{})
	failed(t, run, "NestedStep", "inside of step `outer`")
}

func TestLogLinesAreThereOnce(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		pawl.Log.Info("before", "order", "o1", "total", 7)
		_, err := pawl.Run(step, "try", func(a pawl.Attempt) (int, error) {
			pawl.Log.Warn("trying", a.Number())
			if a.Number() == 0 {
				return 0, errors.New("again")
			}
			return 1, nil
		})
		pawl.Log.Error("after")
		return nil, err
	}), pawltest.Given{})
	want := []pawltest.Line{
		{Level: "info", Message: "before", Fields: [][2]string{{"order", "o1"}, {"total", "7"}}},
		{Level: "warn", Message: "trying", Fields: [][2]string{{"value", "0"}}},
		{Level: "warn", Message: "trying", Fields: [][2]string{{"value", "1"}}},
		{Level: "error", Message: "after"},
	}
	if !slices.EqualFunc(run.Log, want, func(a, b pawltest.Line) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Fatal(run.Log)
	}
}

func TestAFailureHandlerGetsTheRunThatFailed(t *testing.T) {
	function := pawl.Function(pawl.Config{ID: "handler"}, func(ctx pawl.Context, step pawl.Step) (any, error) {
		failed, err := pawl.Data[pawl.Failed](ctx.Event)
		return []any{failed.RunID, failed.Error.Message, failed.Event.Name, failed.Event.Time.UnixMilli()}, err
	})
	event := map[string]any{"id": "e", "name": "a/b", "data": map[string]int{}, "user": nil, "ts": 5, "v": nil}
	run := pawltest.Run(function, pawltest.Given{Data: map[string]any{
		"function_id": "f", "run_id": "r", "event": event, "events": []any{event},
		"error": map[string]string{"name": "E", "message": "goodbye"},
	}})
	completed(t, run, `["r","goodbye","a/b",5]`)
}
