// Package global is what the exports of a global step's component call.
package global

import (
	"callboard/internal/entry"
	exchange "callboard/internal/wit/callboard_step_exchange"
	global "callboard/internal/wit/callboard_step_global"
	"callboard/internal/wit/runtime"
	wit "callboard/internal/wit/types"
)

var run func([]entry.Reader, entry.Writer) *entry.Error

// Declare says what the step would do to rows of these schemas.
func Declare(config string, inputs []entry.Batch) wit.Result[global.Shape, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Global]("global")
	if err != nil {
		return wit.Err[global.Shape](*err)
	}
	return entry.Result(step.Declare(config, inputs))
}

// Open makes the step ready.
func Open(config string, inputs []entry.Batch) wit.Result[wit.Unit, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Global]("global")
	if err == nil {
		run, err = step.Open(config, inputs)
	}
	return entry.Result(wit.Unit{}, err)
}

// Run works on the rows that the call is given.
func Run(inputs []*exchange.Reader, output *exchange.Writer) wit.Result[wit.Unit, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	defer output.Drop()
	readers := make([]entry.Reader, len(inputs))
	for i, input := range inputs {
		defer input.Drop()
		readers[i] = reader{input}
	}
	if run == nil {
		return wit.Err[wit.Unit](*entry.NotOpened())
	}
	return entry.Result(wit.Unit{}, run(readers, output))
}

type reader struct{ *exchange.Reader }

// Next lets the host put rows into memory.
func (r reader) Next() (page entry.Page, more bool) {
	runtime.Quietly(func() { page, more = r.Reader.Next().Get() })
	runtime.Unpin()
	return page, more
}

// Positions lets the host put a list into memory.
func (r reader) Positions(first uint64, count uint32) (positions []uint64) {
	runtime.Quietly(func() { positions = r.Reader.Positions(first, count) })
	runtime.Unpin()
	return positions
}
