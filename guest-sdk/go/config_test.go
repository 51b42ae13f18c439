package pawl

// How options become the contract's terms.

import (
	"testing"
	"time"
)

func TestConditionsAreJoinedEachInItsBrackets(t *testing.T) {
	const same = "event.data.id == async.data.id"
	for _, one := range []struct{ match, condition, want string }{
		{"", "", ""},
		{"", "a || b", "a || b"},
		{"data.id", "", same},
		{"data.id", "a || b", "(" + same + ") && (a || b)"},
	} {
		if got := matching(one.match, one.condition); got != one.want {
			t.Errorf("%q", got)
		}
	}
}

func TestSpansAreRoundedUpToMilliseconds(t *testing.T) {
	for span, want := range map[time.Duration]uint64{-time.Second: 0, 0: 0, 1: 1, time.Millisecond: 1, 1_500_001: 2, time.Hour: 3_600_000} {
		if got := millis(span); got != want {
			t.Errorf("%s is %d", span, got)
		}
	}
}

func TestAFailureHandlerIsAFunctionOfItsOwnWithWhatTheOtherMayDo(t *testing.T) {
	config := Config{ID: "ship", App: "shop", Hosts: []string{"a"}, Secrets: []string{"B"}, Concurrency: []Concurrency{{Limit: 1}}}
	failure := config.failure()
	if failure.ID != "ship-failure" || failure.Name != "ship (failure)" || *failure.Retries != 1 || failure.App != "shop" {
		t.Error(failure)
	}
	if len(failure.Hosts) != 1 || len(failure.Secrets) != 1 || failure.Concurrency != nil {
		t.Error(failure)
	}
	if failure.Triggers[0] != (Trigger{Event: "inngest/function.failed", If: "event.data.function_id == 'ship'"}) {
		t.Error(failure.Triggers)
	}
}

func TestAnErrorGoesByItsTypeAndOneWithoutByWhatItWraps(t *testing.T) {
	for _, one := range []struct {
		err  error
		want string
	}{
		{Errorf("x"), "Error"},
		{Errorf("x: %w", mistake{}), "mistake"},
		{NoRetry(Errorf("x: %w", mistake{})), "mistake"},
		{RetryAfter(time.Second, Errorf("x")), "Error"},
		{&Error{Name: "Mine"}, "Mine"},
	} {
		if got := toFailure(one.err, nil).Name; got != one.want {
			t.Errorf("%v is %s, not %s", one.err, got, one.want)
		}
	}
}

type mistake struct{}

func (mistake) Error() string { return "a mistake" }
