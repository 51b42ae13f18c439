// The conformance app in Go; what each function does stands in the README above.
package main

import (
	"time"

	"pawl.dev/pawl"
)

// on describes a function that the event of its name starts.
func on(id string) pawl.Config {
	return pawl.Config{
		ID:       id,
		App:      "conformance",
		Triggers: []pawl.Trigger{{Event: "test/" + id}},
	}
}

// tried is the same with so many retries.
func tried(id string, retries uint32) pawl.Config {
	config := on(id)
	config.Retries = pawl.Retries(retries)
	return config
}

// give is a step's code that gives this.
func give[T any](value T) func(pawl.Attempt) (T, error) {
	return func(pawl.Attempt) (T, error) { return value, nil }
}

// fields are a JSON object.
type fields = map[string]any

const ms = time.Millisecond

// main is never called: the host calls what is exported.
func main() {}
