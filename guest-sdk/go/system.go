// Clock and chance, settings, the log.

package pawl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"pawl.dev/pawl/internal/host"
)

// Now is, inside of a step, the time; outside of one when the run was started.
func Now() time.Time { return moment(host.Current.Now()) }

// Random is, inside of a step, unpredictable; outside of one the next of a sequence that
// the run's id seeds, the same in every pass.
func Random() uint64 { return host.Current.Random() }

// Rand draws from [Random] whatever math/rand can draw. The functions of math/rand without
// a source of their own are not the same in every pass.
func Rand() *rand.Rand { return rand.New(source{}) }

type source struct{}

func (source) Uint64() uint64 { return Random() }

// Setting is a setting that the operator gives to this function, and whether it is set.
// Only inside of a step. A name that the function does not list in [Config].Settings, or
// that is not granted, is an error that another try would not cure. Secrets cannot be read:
// they are put into requests, see [Request].
func Setting(name string) (value string, isSet bool, err error) {
	value, isSet, denied := host.Current.Setting(name)
	if denied != "" {
		return "", false, named("SettingDenied", NoRetry(errors.New(denied)))
	}
	return value, isSet, nil
}

// Log writes lines for the run's log, each once, however often the function is called
// again: `pawl.Log.Info("paid", "order", order.ID, "total", 7)`. After the message come
// names and values in turn.
//
// What a program prints with fmt or log gets there too, as lines of level info (standard
// output) and warn (standard error).
var Log Logger

// Logger writes to the run's log; there is one, [Log].
type Logger struct{}

// Trace is for finding a fault in the function itself.
func (Logger) Trace(message string, fields ...any) { write(host.Trace, message, fields) }

// Debug is for following what it does.
func (Logger) Debug(message string, fields ...any) { write(host.Debug, message, fields) }

// Info is what an operator wants to know.
func (Logger) Info(message string, fields ...any) { write(host.Info, message, fields) }

// Warn is what an operator should look at.
func (Logger) Warn(message string, fields ...any) { write(host.Warn, message, fields) }

// Error is what went wrong.
func (Logger) Error(message string, fields ...any) { write(host.Error, message, fields) }

func write(level host.Level, message string, fields []any) {
	var pairs [][2]string
	for len(fields) > 0 {
		if len(fields) == 1 {
			// a value without a name is kept: it may be what somebody looks for
			pairs = append(pairs, [2]string{"value", fmt.Sprint(fields[0])})
			break
		}
		pairs = append(pairs, [2]string{fmt.Sprint(fields[0]), fmt.Sprint(fields[1])})
		fields = fields[2:]
	}
	host.Current.Log(level, message, pairs)
}
