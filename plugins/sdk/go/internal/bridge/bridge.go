// Package bridge lets callboardtest make batches and read them, which is no business of a step's.
package bridge

import (
	"log/slog"

	"callboard/internal/entry"
)

var (
	// Sent makes a batch of columns: arrays is a []*callboard.Array.
	Sent func(rows int, names []string, arrays any) entry.Batch
	// Schema makes a batch of no rows: schema is a callboard.Schema.
	Schema func(schema any) entry.Batch
	// Received reads a batch: a callboard.Schema, and a []*callboard.Array.
	Received func(entry.Batch) (schema, arrays any)
	// Log writes to the run's log.
	Log slog.Handler
)
