// What a function is described by: its triggers, its limits, what it wishes for.

package pawl

import (
	"fmt"
	"time"
)

// Config describes a function. What is left out has its default.
//
// Keys and conditions are CEL (https://cel.dev) over `event`; each value of a key has a
// limit of its own. The host checks all of it when it loads the plugin.
type Config struct {
	// ID is what the function goes by.
	ID string
	// Name is for people; the id when empty.
	Name string
	// App is whose limits of scope [ScopeApp] it shares; the id of the plugin's first
	// function when empty.
	App string
	// Triggers start it; without any it can only be invoked.
	Triggers []Trigger
	// Retries is how often each step is tried after the first time; 3 when nil. See
	// [Retries].
	Retries *uint32
	// StepTimeout is how long one try of a step may take; 5 minutes when 0.
	StepTimeout time.Duration
	// OnFailure is called when a run has failed for good, as a function of its own,
	// `<id>-failure`, with one retry. Its event's data is [Failed].
	OnFailure Handler

	// Hosts is where its steps wish to send requests: `name`, `name:port`, `name:*` or
	// `{setting:NAME}`.
	Hosts []string
	// Settings it wishes to read.
	Settings []string
	// Secrets it wishes to put into requests.
	Secrets []string

	// Concurrency is how many runs may execute at once; at most two limits.
	Concurrency []Concurrency
	// Throttle is how many may start in a period; the others wait.
	Throttle *Throttle
	// RateLimit is how many there may be in a period; further events make none.
	RateLimit *RateLimit
	// Debounce makes one run of events that follow each other closely, with the last one.
	Debounce *Debounce
	// Batch makes one run of several events: see [Context].Events.
	Batch *Batch
	// Priority is an expression: so many seconds ahead in the queue, -600 to 600.
	Priority string
	// Idempotency is an expression: events with a value that was seen in the last 24
	// hours make no run.
	Idempotency string
	// CancelOn are up to five events that cancel the run.
	CancelOn []CancelOn
	// Singleton says what becomes of an event while a run is not over.
	Singleton *Singleton
	// StartTimeout cancels a run that has not started that soon; never when 0.
	StartTimeout time.Duration
	// FinishTimeout cancels a run that has not ended that long after its start.
	FinishTimeout time.Duration
}

// Retries is a number of tries after the first, for [Config] and [Options]: 0 is none,
// which is something else than to say nothing.
func Retries(n uint32) *uint32 { return &n }

// Trigger starts a function: either by an event or by the clock.
type Trigger struct {
	// Event is its name: `shop/order.placed`; `shop/*` and `shop/order.*` take all that
	// go on from there.
	Event string
	// If starts it only for events for which this is true.
	If string
	// Cron is a schedule in place of an event: five fields, `@daily` and the like, or
	// `@every 30m`; `TZ=Europe/Paris ` may stand before.
	Cron string
	// Jitter delays the start by up to this.
	Jitter time.Duration
}

// Scope says for whom a limit counts.
type Scope uint8

// The scopes: this function, all functions of the app, or all of the host, that name the
// same key.
const (
	ScopeFunction Scope = iota
	ScopeApp
	ScopeAccount
)

// Concurrency is how many runs may execute at once; those that sleep or wait do not count.
type Concurrency struct {
	Limit uint32
	Key   string
	Scope Scope
}

// Throttle is how many runs may start in a period (1 s to 7 days), and how many more at
// once.
type Throttle struct {
	Limit  uint32
	Period time.Duration
	Burst  uint32
	Key    string
}

// RateLimit is how many runs there may be in a period (1 s to 24 hours).
type RateLimit struct {
	Limit  uint32
	Period time.Duration
	Key    string
}

// Debounce makes one run, so long after the last event (1 s to 7 days), at most Timeout
// after the first.
type Debounce struct {
	Period  time.Duration
	Timeout time.Duration
	Key     string
}

// Batch makes one run for up to so many events (2 to 100), at most Timeout after the first
// (1 s to 60 s). An event for which If is false gets a run of its own.
type Batch struct {
	MaxSize uint32
	Timeout time.Duration
	Key     string
	If      string
}

// CancelOn is an event that cancels the run: where Match is the same in it and in the event
// that started the run (`data.id`), where If is true of `event` and `async`, the new one,
// and not later than Timeout after the first.
type CancelOn struct {
	Event   string
	Match   string
	If      string
	Timeout time.Duration
}

// Singleton lets one run of a key be at a time. A key that is `false` is none.
type Singleton struct {
	Key  string
	Mode SingletonMode
}

// SingletonMode says what becomes of an event while another run of its key is not over.
type SingletonMode uint8

// The modes: it makes none, or that run is cancelled.
const (
	SingletonSkip SingletonMode = iota
	SingletonCancel
)

// failure describes the function that takes this one's failures.
func (c Config) failure() Config {
	name := c.Name
	if name == "" {
		name = c.ID
	}
	failed := fmt.Sprintf("event.data.function_id == '%s'", c.ID)
	return Config{
		ID:          c.ID + "-failure",
		Name:        name + " (failure)",
		App:         c.App,
		Triggers:    []Trigger{{Event: "inngest/function.failed", If: failed}},
		Retries:     Retries(1),
		StepTimeout: c.StepTimeout,
		Hosts:       c.Hosts,
		Settings:    c.Settings,
		Secrets:     c.Secrets,
	}
}

// matching is the condition that two events have the same there, and another one.
func matching(path, condition string) string {
	if path == "" {
		return condition
	}
	same := fmt.Sprintf("event.%s == async.%s", path, path)
	if condition == "" {
		return same
	}
	return fmt.Sprintf("(%s) && (%s)", same, condition)
}

// millis is a time span as the contract has it, rounded up: nobody waits for less than was
// asked for.
func millis(span time.Duration) uint64 {
	if span <= 0 {
		return 0
	}
	return uint64((span + time.Millisecond - 1) / time.Millisecond)
}
