//go:build !wasm

// Package host is what a step may tell the host besides its rows. Without a host it is kept for tests.
package host

import (
	"maps"
	"sync"
)

// The levels of the log.
const (
	Trace uint8 = iota
	Debug
	Info
	Warn
	Error
)

var (
	lock     sync.Mutex
	lines    []string
	counters = map[string]int64{}
)

// Log keeps a line.
func Log(level uint8, message string) {
	lock.Lock()
	defer lock.Unlock()
	lines = append(lines, [...]string{"trace", "debug", "info", "warn", "error"}[level]+": "+message)
}

// Count adds to a number.
func Count(name string, amount int64) {
	lock.Lock()
	defer lock.Unlock()
	counters[name] += amount
}

// Said returns what was logged and counted, and forgets it.
func Said() ([]string, map[string]int64) {
	lock.Lock()
	defer lock.Unlock()
	said, counted := lines, maps.Clone(counters)
	lines = nil
	clear(counters)
	return said, counted
}
