// Package source is what the exports of a source's component call.
package source

import (
	"callboard/internal/entry"
	source "callboard/internal/wit/callboard_step_source"
	"callboard/internal/wit/runtime"
	wit "callboard/internal/wit/types"
)

var next func() (wit.Option[source.Page], *entry.Error)

// Declare says what columns the step makes.
func Declare(config string) wit.Result[entry.Batch, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Source]("source")
	if err != nil {
		return wit.Err[entry.Batch](*err)
	}
	return entry.Result(step.Declare(config))
}

// Open makes the step ready, to begin at the cursor.
func Open(config string, cursor wit.Option[[]byte]) wit.Result[wit.Unit, entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	step, err := entry.Step[entry.Source]("source")
	if err == nil {
		next, err = step.Open(config, cursor)
	}
	return entry.Result(wit.Unit{}, err)
}

// Next makes the next rows.
func Next() wit.Result[wit.Option[source.Page], entry.Error] {
	runtime.Enter()
	defer runtime.Leave()
	if next == nil {
		return wit.Err[wit.Option[source.Page]](*entry.NotOpened())
	}
	return entry.Result(next())
}
