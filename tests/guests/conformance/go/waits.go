// Functions that wait, for a time, an event or another run, and that send events.

package main

import (
	"errors"
	"time"

	"pawl.dev/pawl"
)

var _ = pawl.Function(on("sleepy"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	before, err := pawl.Run(step, "before", give(1))
	if err != nil {
		return nil, err
	}
	if err := step.Sleep("nap", 200*ms); err != nil {
		return nil, err
	}
	if err := step.SleepUntil("moment", ctx.Event.Time.Add(400*ms)); err != nil {
		return nil, err
	}
	after, err := pawl.Run(step, "after", give(2))
	return []int{before, after}, err
})

var _ = pawl.Function(on("waiter"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	approved, err := step.WaitForEvent("approval", pawl.On{
		Event: "test/approved", Match: "data.order", Timeout: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if approved == nil {
		return nil, errors.New("nobody approved")
	}
	approval, err := pawl.Data[struct{ By string }](*approved)
	if err != nil {
		return nil, err
	}
	never, err := step.WaitForEvent("nothing", pawl.On{Event: "test/never", Timeout: 100 * ms})
	return fields{"by": approval.By, "name": approved.Name, "nothing": never}, err
})

var _ = pawl.Function(on("caller"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ N int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	doubled, err := pawl.Invoke[int](step, "call", pawl.Invocation{Function: "callee", Data: fields{"n": data.N}})
	if err != nil {
		return nil, err
	}
	_, failed := pawl.Invoke[int](step, "bad", pawl.Invocation{Function: "callee", Data: fields{"n": -1}})
	if failed == nil {
		return nil, errors.New("nothing was to be caught")
	}
	return fields{"doubled": doubled, "failed": failed.Error()}, nil
})

var _ = pawl.Function(callee(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ N int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	if data.N < 0 {
		return nil, pawl.NoRetry(errors.New("n is negative"))
	}
	return data.N * 2, nil
})

func callee() pawl.Config {
	config := tried("callee", 0)
	config.Triggers = nil
	return config
}

var _ = pawl.Function(on("teller"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ N int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	var events []pawl.NewEvent
	for i := range data.N {
		events = append(events, pawl.NewEvent{Name: "test/told", Data: fields{"i": i}})
	}
	ids, err := step.SendEvent("tell", events...)
	return fields{"ids": ids}, err
})

var _ = pawl.Function(listener(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ I int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	return pawl.Run(step, "hear", give(data.I))
})

func listener() pawl.Config {
	config := on("listener")
	config.Triggers = []pawl.Trigger{{Event: "test/told"}}
	return config
}
