// Package pawlhttp sends the requests of net/http, and of libraries that are built on it,
// through the host: Go's own transport finds no network in a plugin.
//
//	client := &http.Client{Transport: pawlhttp.Transport{}}
//
// Only inside of a step, and only to hosts that were granted. A plugin that imports it
// grows by some MB, which net/http has.
package pawlhttp

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"pawl.dev/pawl"
)

// Transport makes the requests of an [http.Client]. Bodies are in memory, both ways. A
// header's value may hold `{secret:NAME}`. An error keeps what [pawl.Request.Send] says of
// another try.
type Transport struct{}

// RoundTrip implements [http.RoundTripper].
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := pawl.Request{Method: request.Method, URL: request.URL.String(), Headers: map[string]string{}}
	for name, values := range request.Header {
		sent.Headers[name] = strings.Join(values, ", ")
	}
	if deadline, is := request.Context().Deadline(); is {
		// one that has passed is told by the client, not by a request without any
		sent.Timeout = max(time.Millisecond, time.Until(deadline))
	}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		request.Body.Close()
		if err != nil {
			return nil, err
		}
		sent.Body = body
	}
	answer, err := sent.Send()
	if err != nil {
		return nil, err
	}
	response := &http.Response{
		Status:     fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		StatusCode: answer.Status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Request:       request,
	}
	for _, header := range answer.Headers {
		response.Header.Add(header[0], header[1])
	}
	return response, nil
}
