// Package entry is where the host comes in: what the exports of a component call, and the tests too. The step behind it is the
// one that the program's main has registered.
package entry

import (
	"sync"

	columns "callboard/internal/wit/callboard_step_columns"
	exchange "callboard/internal/wit/callboard_step_exchange"
	global "callboard/internal/wit/callboard_step_global"
	manifest "callboard/internal/wit/callboard_step_manifest"
	source "callboard/internal/wit/callboard_step_source"
	transform "callboard/internal/wit/callboard_step_transform"
	types "callboard/internal/wit/callboard_step_types"
	"callboard/internal/wit/runtime"
	wit "callboard/internal/wit/types"
)

// The contract's own types.
type (
	Batch    = columns.Batch
	Error    = types.Error
	Removal  = types.Removal
	Manifest = manifest.Manifest
	Page     = exchange.Page
)

// Transform is a step that works on one batch at a time. Open returns its work.
type Transform interface {
	Declare(config string, input Batch) (transform.Shape, *Error)
	Open(config string, input Batch) (func(Batch) (transform.Output, *Error), *Error)
}

// Global is a step that needs rows of the whole input together.
type Global interface {
	Declare(config string, inputs []Batch) (global.Shape, *Error)
	Open(config string, inputs []Batch) (func([]Reader, Writer) *Error, *Error)
}

// Source is a step that makes rows. Its work returns none at the end.
type Source interface {
	Declare(config string) (Batch, *Error)
	Open(config string, cursor wit.Option[[]byte]) (func() (wit.Option[source.Page], *Error), *Error)
}

// Reader gives the rows of an input of a global step.
type Reader interface {
	Rows() uint64
	Next() (Page, bool)
	Seek(row uint64)
	Positions(first uint64, count uint32) []uint64
}

// Writer takes the rows that a global step puts out.
type Writer interface {
	Keep(rows []uint64, columns wit.Option[Batch])
	Write(rows Batch, at []uint64)
	Remove(rows []Removal)
}

// A Registration is what main has registered.
type Registration struct {
	Manifest Manifest
	// Step is a [Transform], a [Global] or a [Source].
	Step any
}

var registered []Registration

// Register takes the program's step.
func Register(registration Registration) { registered = append(registered, registration) }

// Of calls a program's main, and returns what it registers.
func Of(main func()) Registration {
	registered = nil
	main()
	switch len(registered) {
	case 0:
		panic("main registers no step: let it call callboard.Transform, callboard.TransformBatches, callboard.Global or callboard.Source")
	case 1:
		return registered[0]
	}
	panic("main registers more than one step: a component is one")
}

// Registered is the component's step.
var Registered = sync.OnceValue(func() Registration { return Of(programMain) })

// Describe says what the step is.
func Describe() Manifest {
	runtime.Enter()
	defer runtime.Leave()
	return Registered().Manifest
}

// Step returns the registered step as one of the kind that the component was built for.
func Step[Kind any](kind string) (Kind, *Error) {
	step, ok := Registered().Step.(Kind)
	if !ok {
		message := "main registers another kind of step than step.toml says: " + kind
		return step, &Error{Kind: types.ErrorKind_Failed, Message: message}
	}
	return step, nil
}

// NotOpened is what a call says that comes before open, or after an open that failed.
func NotOpened() *Error {
	return &Error{Kind: types.ErrorKind_Failed, Message: "the step was not opened"}
}

// Result is a result of the contract's.
func Result[T any](value T, err *Error) wit.Result[T, Error] {
	if err != nil {
		return wit.Err[T](*err)
	}
	return wit.Ok[T, Error](value)
}
