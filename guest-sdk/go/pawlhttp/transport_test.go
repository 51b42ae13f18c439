package pawlhttp_test

// What net/http sends and is answered, by package pawltest.

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"pawl.dev/pawl"
	"pawl.dev/pawl/pawlhttp"
	"pawl.dev/pawl/pawltest"
)

var post = pawl.Function(pawl.Config{ID: "post"}, func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "post", func(pawl.Attempt) (string, error) {
		client := &http.Client{Transport: pawlhttp.Transport{}}
		answer, err := client.Post("https://api.example.com/labels", "text/plain", strings.NewReader("o1"))
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer.Status + " " + answer.Header.Get("X-Kind") + " " + string(body), err
	}, pawl.Options{Retries: pawl.Retries(1)})
})

func TestNetHttpSendsAndReadsThroughTheHost(t *testing.T) {
	run := pawltest.Run(post, pawltest.Given{HTTP: func(r pawl.Request) (*pawl.Response, error) {
		if r.Method != "POST" || r.URL != "https://api.example.com/labels" || string(r.Body) != "o1" || r.Headers["Content-Type"] != "text/plain" {
			t.Error(r)
		}
		return &pawl.Response{Status: 201, Headers: [][2]string{{"x-kind", "label"}}, Body: []byte("7")}, nil
	}})
	if run.Err != nil || string(run.Output) != `"201 Created label 7"` {
		t.Fatal(run.Err, string(run.Output))
	}
}

func TestWhatIsDeniedIsNotTriedAgainAndNetworkTroubleIs(t *testing.T) {
	denied := pawltest.Run(post, pawltest.Given{})
	if denied.Err == nil || denied.Err.Name != "HttpDenied" || denied.Steps[0].Tries != 1 {
		t.Fatal(denied.Err, denied.Steps)
	}
	network := pawltest.Run(post, pawltest.Given{HTTP: func(pawl.Request) (*pawl.Response, error) { return nil, errors.New("refused") }})
	if network.Err == nil || network.Err.Name != "HttpNetwork" || network.Steps[0].Tries != 2 {
		t.Fatal(network.Err, network.Steps)
	}
}
