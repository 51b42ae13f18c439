//go:build wasip1

// What the host calls, in the contract's terms.

package pawl

import (
	"time"

	exports "pawl.dev/pawl/bindings/exports/export_pawl_workflow_functions"
	_ "pawl.dev/pawl/bindings/exports/wit_exports" // what the host calls
	wit "pawl.dev/pawl/bindings/imports/pawl_workflow_functions"
	workflow "pawl.dev/pawl/bindings/imports/pawl_workflow_types"
	"pawl.dev/pawl/bindings/types"
	"pawl.dev/pawl/internal/host"
)

func init() {
	exports.Describe = func() []wit.Config {
		return each(functions, func(f *Registered) wit.Config { return describe(f.config) })
	}
	exports.Handle = func(ctx wit.Context) types.Result[string, workflow.Failure] {
		output, failure := dispatch(host.Context{
			FunctionID: ctx.FunctionId,
			RunID:      ctx.RunId,
			Attempt:    ctx.Attempt,
			Events:     each(ctx.Events, host.FromEvent),
			Now:        ctx.Now,
		})
		if failure != nil {
			return types.Err[string](host.ToFailure(*failure))
		}
		return types.Ok[string, workflow.Failure](output)
	}
}

func describe(c Config) wit.Config {
	return wit.Config{
		Id:          c.ID,
		Name:        text(c.Name),
		App:         text(c.App),
		Triggers:    each(c.Triggers, trigger),
		Retries:     optional(c.Retries, func(n uint32) uint32 { return n }),
		StepTimeout: span(c.StepTimeout),
		Capabilities: wit.Capabilities{
			Hosts: c.Hosts, Settings: c.Settings, Secrets: c.Secrets,
		},
		Flow: wit.Flow{
			Concurrency: each(c.Concurrency, func(limit Concurrency) wit.Concurrency {
				return wit.Concurrency{Limit: limit.Limit, Key: text(limit.Key), Scope: uint8(limit.Scope)}
			}),
			Throttle: optional(c.Throttle, func(t Throttle) wit.Throttle {
				burst := types.None[uint32]()
				if t.Burst > 0 {
					burst = types.Some(t.Burst)
				}
				return wit.Throttle{Limit: t.Limit, Period: millis(t.Period), Burst: burst, Key: text(t.Key)}
			}),
			RateLimit: optional(c.RateLimit, func(r RateLimit) wit.RateLimit {
				return wit.RateLimit{Limit: r.Limit, Period: millis(r.Period), Key: text(r.Key)}
			}),
			Debounce: optional(c.Debounce, func(d Debounce) wit.Debounce {
				return wit.Debounce{Period: millis(d.Period), Timeout: span(d.Timeout), Key: text(d.Key)}
			}),
			Batch: optional(c.Batch, func(b Batch) wit.Batch {
				return wit.Batch{MaxSize: b.MaxSize, Timeout: millis(b.Timeout), Key: text(b.Key), Filter: text(b.If)}
			}),
			Priority:    text(c.Priority),
			Idempotency: text(c.Idempotency),
			CancelOn: each(c.CancelOn, func(cancel CancelOn) wit.CancelOn {
				filter := matching(cancel.Match, cancel.If)
				return wit.CancelOn{Event: cancel.Event, Filter: text(filter), Timeout: span(cancel.Timeout)}
			}),
			Singleton: optional(c.Singleton, func(s Singleton) wit.Singleton {
				return wit.Singleton{Key: text(s.Key), Mode: uint8(s.Mode)}
			}),
			Timeouts: wit.Timeouts{Start: span(c.StartTimeout), Finish: span(c.FinishTimeout)},
		},
	}
}

func trigger(t Trigger) wit.Trigger {
	if t.Cron != "" {
		return wit.MakeTriggerCron(wit.CronTrigger{Schedule: t.Cron, Jitter: span(t.Jitter)})
	}
	return wit.MakeTriggerEvent(wit.EventTrigger{Name: t.Event, Filter: text(t.If)})
}

// text is one that may be left out.
func text(value string) types.Option[string] { return host.UnlessEmpty(value) }

// span is one that may be left out.
func span(value time.Duration) types.Option[uint64] {
	if value == 0 {
		return types.None[uint64]()
	}
	return types.Some(millis(value))
}

func optional[A, B any](value *A, as func(A) B) types.Option[B] {
	if value == nil {
		return types.None[B]()
	}
	return types.Some(as(*value))
}

func each[A, B any](list []A, as func(A) B) []B {
	made := make([]B, len(list))
	for i, one := range list {
		made[i] = as(one)
	}
	return made
}
