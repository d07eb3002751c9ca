// Package transform is what the exports of a transform's component call.
package transform

import (
	"callboard/internal/entry"
	transform "callboard/internal/wit/callboard_step_transform"
	"callboard/internal/wit/runtime"
	wit "callboard/internal/wit/types"
)

var process func(entry.Batch) (transform.Output, *entry.Error)

// Declare says what the step would do to rows of this schema.
func Declare(config string, input entry.Batch) wit.Result[transform.Shape, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Transform]("transform")
	if err != nil {
		return wit.Err[transform.Shape](*err)
	}
	return entry.Result(step.Declare(config, input))
}

// Open makes the step ready.
func Open(config string, input entry.Batch) wit.Result[wit.Unit, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Transform]("transform")
	if err == nil {
		process, err = step.Open(config, input)
	}
	return entry.Result(wit.Unit{}, err)
}

// Process works on a batch.
func Process(input entry.Batch) wit.Result[transform.Output, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	if process == nil {
		return wit.Err[transform.Output](*entry.NotOpened())
	}
	return entry.Result(process(input))
}
