// The host of one run: its journal over all passes, which step is answered next, and what is tried again.

package pawltest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/internal/host"
)

// defaultRetries is how often a step is tried after the first time where nothing is said.
const defaultRetries = 3

// run is the host of one run: its journal over all passes, and where this pass is.
type run struct {
	given   Given
	context host.Context
	retries uint32
	keys    map[string][]byte
	result  Result
	now     time.Time

	// journal holds what is settled, by key; order are the keys as they were settled.
	journal map[string]host.Outcome
	order   []string
	// kinds is what a key was asked as; due is when a wait is over; tries are those made.
	kinds map[string]string
	due   map[string]time.Time
	tries map[string]int
	// broke is why the run cannot go on, whatever the function makes of it.
	broke *host.Failure

	// Of this pass: how often each id was asked for, the keys that were asked for and not
	// answered, and those that were asked for at all.
	counts map[string]int
	open   map[string][]string
	asked  map[string]bool
	// inside is the step whose code is executing.
	inside string
	own    *rand.Rand
	// lines of the log that this pass has written outside of steps; written are those of
	// the pass that came furthest.
	lines, written int
}

func newRun(function *pawl.Registered, given Given) *run {
	config := function.Config()
	r := &run{
		given: given, now: given.Now, retries: defaultRetries, keys: map[string][]byte{},
		journal: map[string]host.Outcome{}, kinds: map[string]string{}, due: map[string]time.Time{},
		tries: map[string]int{},
	}
	if config.Retries != nil {
		r.retries = *config.Retries
	}
	r.context = host.Context{FunctionID: config.ID, RunID: "run-1", Now: uint64(given.Now.UnixMilli())}
	events := given.Events
	if len(events) == 0 {
		data, err := json.Marshal(given.Data)
		if given.Data == nil {
			data = []byte("{}")
		}
		if err != nil {
			panic(fmt.Sprintf("pawltest: the event's data cannot be JSON: %v", err))
		}
		name := "pawltest"
		if len(config.Triggers) > 0 && config.Triggers[0].Event != "" {
			name = config.Triggers[0].Event
		}
		events = []pawl.Event{{ID: "event-1", Name: name, Data: data, Time: given.Now}}
	}
	for _, event := range events {
		r.context.Events = append(r.context.Events, host.Event{
			ID: event.ID, Name: event.Name, Data: string(event.Data), User: string(event.User),
			Timestamp: uint64(max(0, event.Time.UnixMilli())), Version: event.Version,
		})
	}
	return r
}

// begin is another pass.
func (r *run) begin() {
	r.counts, r.open, r.asked = map[string]int{}, map[string][]string{}, map[string]bool{}
	r.inside, r.lines = "", 0
	r.own = rand.New(rand.NewPCG(1, 2))
	r.result.Passes++
}

// leave ends the pass: the function goes on in another one.
func (r *run) leave() { runtime.Goexit() }

// Open is Select with one step.
func (r *run) Open(request host.Request) host.Outcome {
	return r.Select([]host.Request{request})[0].Outcome
}

// Select answers one step: what was settled first, else what can be settled now, else what
// is to be executed, else the wait that is over first.
func (r *run) Select(requests []host.Request) []host.Answer {
	if r.inside != "" {
		nested := refusal("NestedStep", "step `%s` was asked for inside of step `%s`: steps do not nest", requests[0].ID, r.inside)
		return []host.Answer{{Place: 0, Outcome: host.Outcome{Err: nested}}}
	}
	keys := r.keysOf(requests)
	places := map[string]int{}
	for place, key := range keys {
		places[key] = place
		r.check(key, requests[place].Op)
	}
	for _, key := range r.order {
		if place, is := places[key]; is {
			return r.answer(place, requests[place].ID, key, r.journal[key])
		}
	}
	if failure := r.missed(); failure != nil {
		r.broke = failure
		r.leave()
	}
	for place, key := range keys {
		if outcome, is := r.settled(key, requests[place].Op); is {
			r.settle(key, outcome)
			return r.answer(place, requests[place].ID, key, outcome)
		}
	}
	for place, key := range keys {
		if op, is := requests[place].Op.(host.Run); is {
			r.inside = key
			return r.answer(place, requests[place].ID, key, host.Outcome{Execute: &attempt{r, key, r.maxOf(op)}})
		}
	}
	r.wait(keys, requests)
	r.leave()
	return nil
}

// keysOf gives the keys of a list: an id that was asked for before and not answered is the
// same step, another time it is a repeat.
func (r *run) keysOf(requests []host.Request) []string {
	keys := make([]string, len(requests))
	again := map[string]int{}
	for i, request := range requests {
		if open := r.open[request.ID]; again[request.ID] < len(open) {
			keys[i] = open[again[request.ID]]
		} else {
			keys[i] = request.ID
			if n := r.counts[request.ID]; n > 0 {
				keys[i] = fmt.Sprintf("%s:%d", request.ID, n)
			}
			r.counts[request.ID]++
			r.open[request.ID] = append(open, keys[i])
		}
		again[request.ID]++
		r.asked[keys[i]] = true
	}
	return keys
}

// check sees to it that a step is what it was in earlier passes.
func (r *run) check(key string, op any) {
	kind := fmt.Sprintf("%T", op)
	if before, is := r.kinds[key]; is && before != kind {
		r.broke = refusal("Diverged", "step `%s` was %s in an earlier pass and is %s now", key, before, kind)
		r.leave()
	}
	r.kinds[key] = kind
	if _, is := r.due[key]; is {
		return
	}
	switch op := op.(type) {
	case host.Sleep:
		r.due[key] = r.now.Add(time.Duration(op.Millis) * time.Millisecond)
	case host.SleepUntil:
		r.due[key] = time.UnixMilli(int64(op.At))
	case host.WaitForEvent:
		r.due[key] = r.now.Add(time.Duration(op.Timeout) * time.Millisecond)
	}
}

// missed says which settled step this pass has not come to, if there is one.
func (r *run) missed() *host.Failure {
	for _, key := range r.order {
		if !r.asked[key] {
			return refusal("Diverged", "step `%s` was settled in an earlier pass, and this one has not come to it: "+
				"outside of steps a function has to come to the same each time", key)
		}
	}
	return nil
}

func (r *run) answer(place int, id, key string, outcome host.Outcome) []host.Answer {
	open := r.open[id]
	for i := range open {
		if open[i] == key {
			r.open[id] = append(open[:i:i], open[i+1:]...)
			break
		}
	}
	return []host.Answer{{Place: place, Outcome: outcome}}
}

// wait lets time pass until the first wait of the list is over.
func (r *run) wait(keys []string, requests []host.Request) {
	first := keys[0]
	for _, key := range keys {
		if r.due[key].Before(r.due[first]) {
			first = key
		}
	}
	if due := r.due[first]; due.After(r.now) {
		r.now = due
	}
	r.settle(first, host.Outcome{Ok: "null"})
}

// settle puts an outcome into the journal.
func (r *run) settle(key string, outcome host.Outcome) {
	r.journal[key] = outcome
	r.order = append(r.order, key)
	step := Step{ID: key, Err: asError(outcome.Err), Tries: r.tries[key], At: r.now.Sub(r.given.Now)}
	if outcome.Err == nil {
		step.Output = json.RawMessage(outcome.Ok)
	}
	r.result.Steps = append(r.result.Steps, step)
}

// maxOf is how many tries a step has.
func (r *run) maxOf(op host.Run) uint32 {
	if op.Retries != nil {
		return *op.Retries + 1
	}
	return r.retries + 1
}

// attempt is a try of a step's code.
type attempt struct {
	run *run
	key string
	max uint32
}

func (a *attempt) Number() uint32         { return uint32(a.run.tries[a.key]) }
func (a *attempt) Max() uint32            { return a.max }
func (a *attempt) IdempotencyKey() string { return a.run.context.RunID + "/" + a.key }

func (a *attempt) Succeed(output string) *host.Failure {
	a.run.inside = ""
	a.run.tries[a.key]++
	a.run.settle(a.key, host.Outcome{Ok: output})
	return nil
}

func (a *attempt) Fail(failure host.Failure) host.Failure {
	a.run.inside = ""
	a.run.tries[a.key]++
	if !failure.Retry.Never && uint32(a.run.tries[a.key]) < a.max {
		a.run.now = a.run.now.Add(time.Duration(failure.Retry.After) * time.Millisecond)
		a.run.leave()
	}
	failure.Retry = host.Retry{Never: true}
	a.run.settle(a.key, host.Outcome{Err: &failure})
	return failure
}
