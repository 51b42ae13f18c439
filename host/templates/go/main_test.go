package main

import (
	"slices"
	"testing"
	"time"

	"pawl.dev/pawl/pawltest"
)

func TestTheGreetingIsSentAMomentAfterItWasComposed(t *testing.T) {
	run := pawltest.Run(greet, pawltest.Given{Data: Request{Name: "Ada"}})
	if run.Err != nil || string(run.Output) != `"Hello, Ada!"` {
		t.Fatal(run.Err, string(run.Output))
	}
	if run.Took != time.Second {
		t.Error("it took", run.Took)
	}
	var ids []string
	for _, step := range run.Steps {
		ids = append(ids, step.ID)
	}
	if !slices.Equal(ids, []string{"compose", "wait-a-moment", "send"}) {
		t.Error("other steps:", ids)
	}
}
