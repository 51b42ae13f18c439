package pawl_test

// Requests, keys, settings, clock and chance, by package pawltest.

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pawl.dev/pawl"
	"pawl.dev/pawl/pawltest"
)

// inside runs code in a step without retries.
func inside(code func() (any, error)) *pawl.Registered {
	return of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		return pawl.Run(step, "inside", func(pawl.Attempt) (any, error) { return code() }, pawl.Options{Retries: pawl.Retries(0)})
	})
}

func TestARequestGoesOutAsItWasBuilt(t *testing.T) {
	var asked pawl.Request
	given := pawltest.Given{HTTP: func(request pawl.Request) (*pawl.Response, error) {
		asked = request
		return &pawl.Response{Status: 201, Headers: [][2]string{{"x-Kind", "label"}}, Body: []byte(`{"n":7}`)}, nil
	}}
	run := pawltest.Run(inside(func() (any, error) {
		answer, err := pawl.Request{
			Method: "POST", URL: "https://u:p@api.example.com/labels?token=x", JSON: []int{1},
			Headers: map[string]string{"Authorization": "Bearer {secret:TOKEN}"}, Timeout: time.Second,
		}.Send()
		if err != nil {
			return nil, err
		}
		var body struct{ N int }
		err = answer.Decode(&body)
		return []any{answer.IsSuccess(), answer.Header("X-Kind"), body.N}, err
	}), given)
	completed(t, run, `[true,"label",7]`)
	want := "POST [1] map[Authorization:Bearer {secret:TOKEN} Content-Type:application/json] 1s"
	if got := fmt.Sprint(asked.Method, " ", string(asked.Body), " ", asked.Headers, " ", asked.Timeout); got != want {
		t.Fatal(got)
	}
}

func TestAServerInTroubleIsAskedAgainAndARefusalIsNot(t *testing.T) {
	for status, isTriedAgain := range map[int]bool{200: false, 400: false, 404: false, 408: true, 429: true, 503: true} {
		run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
			return pawl.Run(step, "ask", func(pawl.Attempt) (int, error) {
				answer, err := pawl.Request{URL: "https://api.example.com/users/7"}.Send()
				if err != nil {
					return 0, err
				}
				return answer.Status, answer.StatusError()
			})
		}), pawltest.Given{HTTP: func(pawl.Request) (*pawl.Response, error) {
			return &pawl.Response{Status: status, Headers: [][2]string{{"Retry-After", "7"}}}, nil
		}})
		if run.Steps[0].Tries > 1 != isTriedAgain {
			t.Error(status, run.Steps[0].Tries)
		}
		if isTriedAgain && run.Took != 3*7*time.Second {
			t.Error(status, run.Took)
		}
		if status >= 400 {
			failed(t, run, "HttpStatus", fmt.Sprintf("GET api.example.com answered %d", status))
		}
	}
}

func TestOnlyNetworkTroubleIsWorthAnotherTry(t *testing.T) {
	ask := func() (any, error) {
		_, err := pawl.Request{URL: "http://x"}.Send()
		return nil, err
	}
	network := pawltest.Given{HTTP: func(pawl.Request) (*pawl.Response, error) { return nil, errors.New("refused") }}
	failed(t, pawltest.Run(inside(ask), network), "HttpNetwork", "GET x: refused")
	failed(t, pawltest.Run(inside(ask), pawltest.Given{}), "HttpDenied", "Given.HTTP")
	outside := of(func(pawl.Context, pawl.Step) (any, error) { return ask() })
	failed(t, pawltest.Run(outside, network), "HttpDenied", "for steps")
	unsendable := func() (any, error) {
		_, err := pawl.Request{URL: "http://x", JSON: make(chan int)}.Send()
		return nil, err
	}
	failed(t, pawltest.Run(inside(unsendable), network), "HttpInvalid", "cannot be JSON")
}

func TestKeysAndSettingsAreForSteps(t *testing.T) {
	given := pawltest.Given{Settings: map[string]string{"GREETING": "good day"}}
	run := pawltest.Run(inside(func() (any, error) {
		bucket, err := pawl.OpenBucket()
		if err != nil {
			return nil, err
		}
		if err := bucket.SetJSON("last", 42); err != nil {
			return nil, err
		}
		var last int
		found, err := bucket.GetJSON("last", &last)
		if err != nil {
			return nil, err
		}
		keys, err := bucket.Keys()
		if err != nil {
			return nil, err
		}
		if err := bucket.Delete("last"); err != nil {
			return nil, err
		}
		exists, err := bucket.Exists("last")
		greeting, _, _ := pawl.Setting("GREETING")
		_, isSet, _ := pawl.Setting("OTHER")
		return []any{found, last, keys, exists, greeting, isSet}, err
	}), given)
	completed(t, run, `[true,42,["last"],false,"good day",false]`)

	failed(t, pawltest.Run(inside(func() (any, error) {
		bucket, err := pawl.OpenBucket()
		if err != nil {
			return nil, err
		}
		return nil, bucket.Set("", nil)
	}), given), "KeyValueInvalid", "1 to 1024 bytes")
	failed(t, pawltest.Run(of(func(pawl.Context, pawl.Step) (any, error) {
		_, err := pawl.OpenBucket()
		return nil, err
	}), given), "KeyValueDenied", "for steps")
	failed(t, pawltest.Run(of(func(pawl.Context, pawl.Step) (any, error) {
		_, _, err := pawl.Setting("GREETING")
		return nil, err
	}), given), "SettingDenied", "for steps")
}

func TestClockAndChanceOutsideOfStepsAreTheSameInEachPass(t *testing.T) {
	var drawn []string
	run := pawltest.Run(of(func(ctx pawl.Context, step pawl.Step) (any, error) {
		drawn = append(drawn, fmt.Sprint(pawl.Now(), pawl.Random(), pawl.Rand().IntN(1000)))
		if err := step.Sleep("nap", time.Hour); err != nil {
			return nil, err
		}
		return pawl.Run(step, "inside", func(pawl.Attempt) (time.Duration, error) { return pawl.Now().Sub(ctx.Now), nil })
	}), pawltest.Given{})
	completed(t, run, fmt.Sprint(int64(time.Hour)))
	if len(drawn) != 2 || drawn[0] != drawn[1] {
		t.Fatal(drawn)
	}
}
