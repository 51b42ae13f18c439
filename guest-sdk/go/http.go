// Outgoing requests, and their answers.

package pawl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Request is an outgoing HTTP request, for a step's own code ([Request.Send]) or as a step
// of its own ([Step.Fetch]). It goes to hosts that the function names in [Config].Hosts and
// its operator grants. Redirects are answered, not followed.
type Request struct {
	// Method is GET when empty.
	Method string
	URL    string
	// Headers by their names. `{secret:NAME}` in a value becomes that secret on the way:
	// the function never sees it.
	Headers map[string]string
	// Body is sent as it is.
	Body []byte
	// JSON is sent as its JSON in place of Body, with its content type, unless it is nil.
	JSON any
	// Timeout is how long the exchange may take; never longer than what the step has left.
	Timeout time.Duration
}

// Send sends it and waits for the whole answer, whatever its status. Only inside of a step.
//
// Errors: `HttpDenied` (not granted, or outside of a step) and `HttpInvalid` (it cannot be
// sent) are never tried again, `HttpNetwork` (no connection, broken off, too slow) is.
func (r Request) Send() (*Response, error) {
	answers, errs := SendAll(r)
	return answers[0], errs[0]
}

// SendAll sends several at once and waits for all of them: their answers in their order,
// each nil where there is an error at its place.
func SendAll(requests ...Request) ([]*Response, []error) {
	answers, errs := make([]*Response, len(requests)), make([]error, len(requests))
	var sent []host.HTTPRequest
	var places []int
	for place, request := range requests {
		one, err := request.built()
		if err != nil {
			errs[place] = err
			continue
		}
		sent, places = append(sent, one), append(places, place)
	}
	if len(sent) == 0 {
		return answers, errs
	}
	for i, result := range host.Current.Send(sent) {
		place := places[i]
		if result.Error != nil {
			errs[place] = httpError(*result.Error, requests[place].place())
			continue
		}
		answers[place] = &Response{
			Status: int(result.Status), Headers: result.Headers, Body: result.Body, place: requests[place].place(),
		}
	}
	return answers, errs
}

func httpError(err host.HTTPError, place string) error {
	switch err.Kind {
	case host.HTTPDenied:
		return named("HttpDenied", NoRetry(errors.New(err.Why)))
	case host.HTTPInvalid:
		return named("HttpInvalid", NoRetry(errors.New(err.Why)))
	default:
		return named("HttpNetwork", Errorf("%s: %s", place, err.Why))
	}
}

// built is the request as it goes out.
func (r Request) built() (host.HTTPRequest, error) {
	sent := host.HTTPRequest{Method: r.method(), URL: r.URL, Body: r.Body, Timeout: millis(r.Timeout)}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		sent.Headers = append(sent.Headers, [2]string{name, r.Headers[name]})
	}
	if r.JSON != nil {
		body, err := json.Marshal(r.JSON)
		if err != nil {
			why := fmt.Errorf("the request's body cannot be JSON: %w", err)
			return sent, named("HttpInvalid", NoRetry(why))
		}
		sent.Body = body
		sent.Headers = append(sent.Headers, [2]string{"Content-Type", "application/json"})
	}
	return sent, nil
}

func (r Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

// place is method and host, for messages: a path may hold what does not belong into a log.
func (r Request) place() string {
	_, rest, found := strings.Cut(r.URL, "://")
	if !found {
		rest = r.URL
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return r.method() + " " + rest[strings.LastIndex(rest, "@")+1:]
}

// Response is an answer.
type Response struct {
	// Status is such as 200.
	Status int
	// Headers are names and values; see [Response.Header].
	Headers [][2]string
	Body    []byte

	place string
	// isKept says that a step has it as its output: then another try would see the same.
	isKept bool
}

// IsSuccess says whether the status is one of 200 to 299.
func (r *Response) IsSuccess() bool { return r.Status >= 200 && r.Status < 300 }

// Header is the first value of this name, in whatever case; empty when there is none.
func (r *Response) Header(name string) string {
	wanted := textproto.CanonicalMIMEHeaderKey(name)
	for _, header := range r.Headers {
		if textproto.CanonicalMIMEHeaderKey(header[0]) == wanted {
			return header[1]
		}
	}
	return ""
}

// Text is the body as text; bytes that are no UTF-8 become `�`.
func (r *Response) Text() string { return strings.ToValidUTF8(string(r.Body), "\uFFFD") }

// Decode reads the body's JSON into what `into` points to.
func (r *Response) Decode(into any) error {
	err := json.Unmarshal(r.Body, into)
	if err == nil {
		return nil
	}
	err = Errorf("%s answered with something else than the JSON expected: %w", r.place, err)
	if r.isKept {
		err = NoRetry(err)
	}
	return named("HttpUnexpectedBody", err)
}

// StatusError is the status as an error, named `HttpStatus`, if it is one of 400 to 599.
// Tried again are 408, 425, 429 and all from 500 on, no sooner than a `Retry-After` in
// seconds says, unless a step of [Step.Fetch] gave the answer: that stays as it is. The
// message holds nothing of the body: that may be anybody's data.
func (r *Response) StatusError() error {
	if r.Status < 400 {
		return nil
	}
	err := Errorf("%s answered %d", r.place, r.Status)
	switch {
	case r.isKept, r.Status < 500 && !slices.Contains([]int{408, 425, 429}, r.Status):
		err = NoRetry(err)
	default:
		if seconds, wrong := strconv.Atoi(strings.TrimSpace(r.Header("Retry-After"))); wrong == nil && seconds >= 0 {
			err = RetryAfter(time.Duration(seconds)*time.Second, err)
		}
	}
	err.(*Error).Data = json.RawMessage(fmt.Sprintf(`{"status":%d}`, r.Status))
	return named("HttpStatus", err)
}

func sortHeaders(headers [][2]string) {
	slices.SortFunc(headers, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
}
