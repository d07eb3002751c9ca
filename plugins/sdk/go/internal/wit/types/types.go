// Package wit_types has the contract's generic types, for the generated bindings.
package wit_types

// The tags of an [Option] and of a [Result].
const (
	OptionNone = 0
	OptionSome = 1

	ResultOk  = 0
	ResultErr = 1
)

// Option is a value that may not be there.
type Option[T any] struct {
	value T
	some  bool
}

// None is no value.
func None[T any]() Option[T] { return Option[T]{} }

// Some is a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// Get returns the value, and whether there is one.
func (o Option[T]) Get() (T, bool) { return o.value, o.some }

// Some returns the value that must be there.
func (o Option[T]) Some() T { return o.value }

// Tag is OptionNone or OptionSome.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Result is what a call returns, or why it failed.
type Result[T, E any] struct {
	ok  T
	err *E
}

// Ok is what a call returns.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err is why a call failed.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{err: &err} }

// Ok returns the value of a call that did not fail.
func (r Result[T, E]) Ok() T { return r.ok }

// Err returns the error of a call that failed.
func (r Result[T, E]) Err() E { return *r.err }

// Tag is ResultOk or ResultErr.
func (r Result[T, E]) Tag() uint8 {
	if r.err != nil {
		return ResultErr
	}
	return ResultOk
}

// Unit is the value of a call that has none.
type Unit struct{}
