// What a run finds outside of it: given outcomes, answers to requests, settings, a clock, a log, keys.

package pawltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/internal/bridge"
	"pawl.dev/pawl/internal/host"
)

var levels = [...]string{"trace", "debug", "info", "warn", "error"}

// settled is a step's outcome where no code of the function is wanted for it.
func (r *run) settled(key string, op any) (host.Outcome, bool) {
	if value, is := r.given.Steps[key]; is {
		return given(key, value), true
	}
	switch op := op.(type) {
	case host.SendEvent:
		return host.Outcome{Ok: r.send(op.Events)}, true
	case host.Invoke:
		return host.Outcome{Err: refusal("NotGiven", "what function `%s` gives to step `%s` is not in Given.Steps", op.Function, key)}, true
	case host.Fetch:
		return host.Outcome{Err: refusal("NotGiven", "the answer to step `%s` is not in Given.Steps", key)}, true
	}
	return host.Outcome{}, false
}

// given is an outcome as the test says it.
func given(key string, value any) host.Outcome {
	switch value := value.(type) {
	case error:
		failure := bridge.ToFailure(value)
		failure.Retry = host.Retry{Never: true}
		return host.Outcome{Err: &failure}
	case pawl.Response:
		return given(key, &value)
	case *pawl.Response:
		return host.Outcome{Ok: encoded(key, fetched(value))}
	default:
		return host.Outcome{Ok: encoded(key, value)}
	}
}

// fetched is an answer as the host keeps it.
func fetched(response *pawl.Response) any {
	headers := map[string]string{}
	for _, header := range response.Headers {
		headers[header[0]] = header[1]
	}
	return map[string]any{"status_code": response.Status, "headers": headers, "body_base64": response.Body}
}

func encoded(key string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("pawltest: the outcome of step `%s` cannot be JSON: %v", key, err))
	}
	return string(text)
}

// send keeps events, and gives their ids.
func (r *run) send(events []host.NewEvent) string {
	var ids []string
	for _, event := range events {
		sent := pawl.Event{ID: event.ID, Name: event.Name, Data: json.RawMessage(event.Data), Time: r.now, Version: event.Version}
		if event.User != "" {
			sent.User = json.RawMessage(event.User)
		}
		if event.Timestamp > 0 {
			sent.Time = time.UnixMilli(int64(event.Timestamp)).UTC()
		}
		if sent.ID == "" {
			sent.ID = fmt.Sprintf("sent-%d", len(r.result.Sent)+1)
		}
		r.result.Sent = append(r.result.Sent, sent)
		ids = append(ids, sent.ID)
	}
	return encoded("send", ids)
}

func (r *run) Log(level host.Level, message string, fields [][2]string) {
	if r.inside == "" {
		// a replay repeats what earlier passes have written outside of steps
		if r.lines++; r.lines <= r.written {
			return
		}
		r.written++
	}
	r.result.Log = append(r.result.Log, Line{levels[level], message, fields})
}

func (r *run) Send(requests []host.HTTPRequest) []host.HTTPResult {
	results := make([]host.HTTPResult, len(requests))
	for i, request := range requests {
		results[i] = r.respond(request)
	}
	return results
}

func (r *run) respond(request host.HTTPRequest) host.HTTPResult {
	switch {
	case r.inside == "":
		return host.HTTPResult{Error: &host.HTTPError{Kind: host.HTTPDenied, Why: "outgoing HTTP is for steps: wrap it in pawl.Run"}}
	case r.given.HTTP == nil:
		return host.HTTPResult{Error: &host.HTTPError{Kind: host.HTTPDenied, Why: "there is no Given.HTTP"}}
	}
	asked := pawl.Request{
		Method: request.Method, URL: request.URL, Headers: map[string]string{}, Body: request.Body,
		Timeout: time.Duration(request.Timeout) * time.Millisecond,
	}
	for _, header := range request.Headers {
		asked.Headers[header[0]] = header[1]
	}
	response, err := r.given.HTTP(asked)
	if err == nil && response == nil {
		err = errors.New("Given.HTTP gave no answer")
	}
	if err != nil {
		return host.HTTPResult{Error: &host.HTTPError{Kind: host.HTTPNetwork, Why: err.Error()}}
	}
	return host.HTTPResult{Status: uint16(response.Status), Headers: response.Headers, Body: response.Body}
}

func (r *run) Setting(name string) (string, bool, string) {
	if r.inside == "" {
		return "", false, "settings are for steps: wrap it in pawl.Run"
	}
	value, is := r.given.Settings[name]
	return value, is, ""
}

func (r *run) Now() uint64 {
	if r.inside == "" {
		return r.context.Now
	}
	return uint64(r.now.UnixMilli())
}

func (r *run) Random() uint64 {
	if r.inside == "" {
		return r.own.Uint64()
	}
	return rand.Uint64()
}

func (r *run) Bucket() (host.Bucket, *host.KVError) {
	if r.inside == "" {
		return nil, &host.KVError{Kind: host.KVAccessDenied}
	}
	return bucket(r.keys), nil
}

// bucket is a key-value store in memory.
type bucket map[string][]byte

func (b bucket) Get(key string) ([]byte, bool, *host.KVError) {
	value, is := b[key]
	return slices.Clone(value), is, nil
}

func (b bucket) Set(key string, value []byte) *host.KVError {
	b[key] = slices.Clone(value)
	return nil
}

func (b bucket) Delete(key string) *host.KVError {
	delete(b, key)
	return nil
}

func (b bucket) Exists(key string) (bool, *host.KVError) {
	_, is := b[key]
	return is, nil
}

func (b bucket) Keys(*uint64) ([]string, *uint64, *host.KVError) {
	return slices.Sorted(maps.Keys(b)), nil, nil
}
