package pawl_test

// Steps side by side, by package pawltest.

import (
	"errors"
	"testing"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/pawltest"
)

func TestStepsSideBySideAreAllSettledAndTheFirstFailureIsTheLists(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		all := step.Parallel()
		a := pawl.Go(all, "a", give(1))
		b := pawl.Go(all, "b", func(pawl.Attempt) (int, error) { return 0, errors.New("b is broken") }, pawl.Options{Retries: pawl.Retries(1)})
		all.Sleep("c", time.Hour)
		all.Sleep("d", time.Minute)
		err := all.Join()
		one, _ := a.Get()
		_, broken := b.Get()
		return []any{one, err.Error(), broken.Error()}, nil
	}), pawltest.Given{})
	completed(t, run, `[1,"b is broken","b is broken"]`)
	if run.Took != time.Hour {
		t.Fatal("waits side by side take as long as the longest, not", run.Took)
	}
}

func TestARaceIsWonByWhatSettlesFirstInEveryPass(t *testing.T) {
	function := of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		both := step.Parallel()
		paid := both.WaitForEvent("paid", pawl.On{Event: "shop/paid", Timeout: 48 * time.Hour})
		late := both.Sleep("patience", 24*time.Hour)
		place, err := both.Race()
		if err != nil {
			return nil, err
		}
		_, unsettled := paid.Get()
		return []any{place, late.IsSettled(), unsettled != nil}, step.Sleep("nap", time.Second)
	})
	completed(t, pawltest.Run(function, pawltest.Given{}), "[1,true,true]")
	paid := map[string]any{"paid": pawl.Event{ID: "e", Name: "shop/paid"}}
	completed(t, pawltest.Run(function, pawltest.Given{Steps: paid}), "[0,false,false]")
}

func TestARaceOfNothingHasNoWinner(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return step.Parallel().Race()
	}), pawltest.Given{})
	failed(t, run, "NonRetriableError", "no winner")
}

func TestAListWithAStepThatIsWrittenWronglyDoesNotBegin(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		all := step.Parallel()
		pawl.Go(all, "fine", give(1))
		pawl.GoInvoke[int](all, "wrong", pawl.Invocation{Function: "f", Data: []int{1}})
		return nil, all.Join()
	}), pawltest.Given{})
	failed(t, run, "InvalidData", "an invocation's data has to be a JSON object")
	if len(run.Steps) != 0 {
		t.Fatal(run.Steps)
	}
}

func TestAnIdThatRepeatsIsAStepOfItsOwnAloneAndInLists(t *testing.T) {
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		sum := 0
		for i := range 3 {
			value, err := pawl.Run(step, "same", give(i))
			if err != nil {
				return nil, err
			}
			sum += value
		}
		both := step.Parallel()
		x, y := pawl.Go(both, "same", give(10)), pawl.Go(both, "same", give(20))
		if err := both.Join(); err != nil {
			return nil, err
		}
		ten, _ := x.Get()
		twenty, _ := y.Get()
		return []int{sum, ten, twenty}, step.Sleep("nap", time.Second)
	}), pawltest.Given{})
	completed(t, run, "[3,10,20]")
	if ids := run.IDs(); ids[2] != "same:2" || ids[4] != "same:4" {
		t.Fatal(ids)
	}
}
