// A function of two steps, with a wait between them.
package main

import (
	"fmt"
	"time"

	"pawl.dev/pawl"
)

// Request is the event's data.
type Request struct {
	Name string `json:"name"`
}

var greet = pawl.Function(pawl.Config{
	ID:       "{{name}}",
	Triggers: []pawl.Trigger{{Event: "{{name}}/requested"}},
}, func(ctx pawl.Context, step pawl.Step) (any, error) {
	request, err := pawl.Data[Request](ctx.Event)
	if err != nil {
		return nil, err
	}
	greeting, err := pawl.Run(step, "compose", func(pawl.Attempt) (string, error) {
		return fmt.Sprintf("Hello, %s!", request.Name), nil
	})
	if err != nil {
		return nil, err
	}
	if err := step.Sleep("wait-a-moment", time.Second); err != nil {
		return nil, err
	}
	_, err = pawl.Run(step, "send", func(pawl.Attempt) (any, error) {
		pawl.Log.Info(greeting)
		return nil, nil
	})
	return greeting, err
})

func main() {}
