// Package host is what a step may tell the host besides its rows.
package host

import (
	counters "callboard/internal/wit/callboard_step_counters"
	log "callboard/internal/wit/callboard_step_log"
)

// The levels of the log.
const (
	Trace = log.Level_Trace
	Debug = log.Level_Debug
	Info  = log.Level_Info
	Warn  = log.Level_Warn
	Error = log.Level_Error
)

// Log writes a line to the run's log.
func Log(level uint8, message string) { log.Write(level, message) }

// Count adds to a number of the run's report.
func Count(name string, amount int64) { counters.Add(name, amount) }
