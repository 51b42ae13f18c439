// Package types holds what the generated bindings make options, results and tuples of.
//
// It stands in for go.bytecodealliance.org/pkg/wit/types, with the same names and meaning,
// as far as this contract needs them.
package types

// What [Option.Tag] and [Result.Tag] answer.
const (
	OptionNone uint8 = 0
	OptionSome uint8 = 1
	ResultOk   uint8 = 0
	ResultErr  uint8 = 1
)

// Option is a value, or none.
type Option[T any] struct {
	tag   uint8
	value T
}

// None has no value.
func None[T any]() Option[T] { return Option[T]{} }

// Some has this value.
func Some[T any](value T) Option[T] { return Option[T]{OptionSome, value} }

// Tag is [OptionSome] or [OptionNone].
func (o Option[T]) Tag() uint8 { return o.tag }

// Some is the value; it panics where there is none.
func (o Option[T]) Some() T {
	if o.tag != OptionSome {
		panic("an option without a value was asked for it")
	}
	return o.value
}

// SomeOr is the value, or another one where there is none.
func (o Option[T]) SomeOr(other T) T {
	if o.tag == OptionSome {
		return o.value
	}
	return other
}

// Result is what came out, or what went wrong.
type Result[T, E any] struct {
	tag uint8
	ok  T
	err E
}

// Ok is a result that came out well.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{tag: ResultOk, ok: value} }

// Err is a result that went wrong.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }

// Tag is [ResultOk] or [ResultErr].
func (r Result[T, E]) Tag() uint8 { return r.tag }

// IsErr says whether it went wrong.
func (r Result[T, E]) IsErr() bool { return r.tag == ResultErr }

// Ok is what came out; it panics where something went wrong.
func (r Result[T, E]) Ok() T {
	if r.tag != ResultOk {
		panic("a result that went wrong was asked for its value")
	}
	return r.ok
}

// Err is what went wrong; it panics where nothing did.
func (r Result[T, E]) Err() E {
	if r.tag != ResultErr {
		panic("a result that went well was asked for its error")
	}
	return r.err
}

// Tuple2 is two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit is no value at all.
type Unit struct{}
