// Functions that are there for what they are described as.

package main

import (
	"time"

	"pawl.dev/pawl"
)

const byUser = "event.data.user"

var _ = pawl.Function(pawl.Config{
	ID:          "everything",
	Name:        "Everything at once",
	App:         "conformance",
	Retries:     pawl.Retries(7),
	StepTimeout: 2 * time.Minute,
	Triggers: []pawl.Trigger{
		{Event: "test/everything", If: "event.data.n > 1"},
		{Event: "test/also"},
		{Cron: "TZ=Europe/Paris 0 9 * * 1-5", Jitter: 30 * time.Second},
	},
	Concurrency:   []pawl.Concurrency{{Limit: 5}, {Limit: 1, Key: byUser, Scope: pawl.ScopeAccount}},
	Throttle:      &pawl.Throttle{Limit: 10, Period: time.Minute, Burst: 2, Key: byUser},
	RateLimit:     &pawl.RateLimit{Limit: 100, Period: time.Hour, Key: byUser},
	Debounce:      &pawl.Debounce{Period: 5 * time.Second, Timeout: time.Minute, Key: byUser},
	Priority:      "event.data.paid ? 120 : 0",
	CancelOn:      []pawl.CancelOn{{Event: "test/cancelled", Match: "data.id", Timeout: time.Hour}},
	Singleton:     &pawl.Singleton{Mode: pawl.SingletonSkip, Key: byUser},
	StartTimeout:  time.Minute,
	FinishTimeout: time.Hour,
	Hosts:         []string{"api.example.com"},
	Settings:      []string{"GREETING"},
	Secrets:       []string{"TOKEN"},
}, nothing)

var _ = pawl.Function(frugal(), nothing)

func frugal() pawl.Config {
	config := on("frugal")
	config.Idempotency = "event.data.id"
	return config
}

func nothing(pawl.Context, pawl.Step) (any, error) { return nil, nil }

var _ = pawl.Function(gathered(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	n, err := pawl.Run(step, "count", give(len(ctx.Events)))
	if err != nil {
		return nil, err
	}
	var values []int
	for _, event := range ctx.Events {
		data, err := pawl.Data[struct{ I int }](event)
		if err != nil {
			return nil, err
		}
		values = append(values, data.I)
	}
	return fields{"n": n, "values": values}, nil
})

func gathered() pawl.Config {
	config := on("gathered")
	config.Batch = &pawl.Batch{MaxSize: 3, Timeout: time.Second}
	return config
}
