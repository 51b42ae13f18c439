// Functions whose steps go on side by side.

package main

import (
	"errors"
	"strconv"
	"time"

	"pawl.dev/pawl"
)

var _ = pawl.Function(on("parallel"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	all := step.Parallel()
	a := pawl.Go(all, "a", give(1))
	b := pawl.Go(all, "b", func(pawl.Attempt) (int, error) {
		return 0, pawl.NoRetry(errors.New("b is broken"))
	})
	c := all.Sleep("c", 50*ms)
	d := pawl.Go(all, "d", give(4))
	if err := all.Join(); err == nil {
		return nil, errors.New("b did not fail")
	}
	if _, err := c.Get(); err != nil {
		return nil, err
	}
	one, err := a.Get()
	if err != nil {
		return nil, err
	}
	four, err := d.Get()
	if err != nil {
		return nil, err
	}
	_, broken := b.Get()
	// the idiom has no chains: one after the other
	if _, err := pawl.Run(step, "e1", give(5)); err != nil {
		return nil, err
	}
	six, err := pawl.Run(step, "e2", give(6))
	return fields{"a": one, "b": broken.Error(), "d": four, "e": six}, err
})

var _ = pawl.Function(on("wide"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ N int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	all := step.Parallel()
	var squares []*pawl.Output[int]
	for i := range data.N {
		squares = append(squares, pawl.Go(all, strconv.Itoa(i), give(i*i)))
	}
	if err := all.Join(); err != nil {
		return nil, err
	}
	sum := 0
	for _, output := range squares {
		square, err := output.Get()
		if err != nil {
			return nil, err
		}
		sum += square
	}
	return sum, nil
})

var _ = pawl.Function(on("race"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	both := step.Parallel()
	slow := both.Sleep("slow", time.Hour)
	fast := pawl.Go(both, "fast", give("fast"))
	if _, err := both.Race(); err != nil {
		return nil, err
	}
	won := "slow"
	if !slow.IsSettled() {
		var err error
		if won, err = fast.Get(); err != nil {
			return nil, err
		}
	}
	after, err := pawl.Run(step, "after", give("after"))
	return fields{"won": won, "after": after}, err
})
